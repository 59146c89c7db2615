package streamable_test

import (
	"context"
	"io"
)

const cancelled = "notifications/cancelled"

// Lines of editors.
const (
	hello         = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"editor"}}}`
	ready         = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	find1         = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}`
	metaOf        = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	statelessList = `{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{` + metaOf + `}}`
	probe4        = `{"jsonrpc":"2.0","id":4,"method":"server/discover","params":{` + metaOf + `}}`
)

// silentServer is an MCP server that never answers.
func silentServer(ctx context.Context, in io.ReadCloser, _ io.WriteCloser) error {
	_, err := io.Copy(io.Discard, in)
	return err
}
