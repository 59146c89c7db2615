package streamable

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// maxPages is how many pages of a tool list are put into one.
const maxPages = 20

// allPages is the response to a tools/list as the editor gets it: several editors read only the first page, so an editor
// that asks for that gets all in one. A page that does not come is left to the editor to ask for.
func (c *Client) allPages(x *exchange, first *jsonrpc.Message) *jsonrpc.Message {
	first = c.recordTools(x.message, first)
	if x.message.HasCursor() {
		return first
	}
	list := jsonrpc.Get(first.Result, "tools")
	if list == nil || list[0] != '[' {
		return first
	}
	tools, size := [][]byte{inner(list)}, len(first.Raw)
	ttl := lifetime(first.Result)
	next := nextCursor(first.Result)
	seen := make(map[string]bool)
	for len(tools) < maxPages {
		cursor, _ := jsonrpc.Unquote(next)
		if cursor == "" {
			break // some servers mean the end by it, and to others it is a cursor: the editor sees it
		}
		if seen[cursor] {
			next = nil
			break
		}
		seen[cursor] = true
		call := withCursor(x.message, next)
		if call == nil {
			break
		}
		page := c.recordTools(call, c.sendAlong(x, call))
		size += len(page.Raw)
		if page.Result == nil || x.held.grow(size, false) != nil { // together they are one message
			break
		}
		tools = append(tools, inner(jsonrpc.Get(page.Result, "tools")))
		ttl = min(ttl, lifetime(page.Result))
		next = nextCursor(page.Result)
	}
	if len(tools) == 1 {
		return first
	}
	return first.WithResult(joined(first.Result, tools, next, ttl))
}

// nextCursor is where the list goes on, nil if this is its last page.
func nextCursor(result []byte) []byte {
	next := jsonrpc.Get(result, "nextCursor")
	if string(next) == "null" {
		return nil
	}
	return next
}

// joined is the result of the first page with the tools of all, and with the cursor after the last.
func joined(first []byte, tools [][]byte, next []byte, ttl int64) []byte {
	var parts [][]byte
	for m := range jsonrpc.Members(first) {
		part := m.Raw
		switch string(m.Name) {
		case "tools":
			list := bytes.Join(nonEmpty(tools), []byte(","))
			part = append(append([]byte(`"tools":[`), list...), ']')
		case "nextCursor":
			if next == nil {
				continue
			}
			part = append([]byte(`"nextCursor":`), next...)
		case "ttlMs":
			if ttl < lifetime(first) {
				part = strconv.AppendInt([]byte(`"ttlMs":`), ttl, 10)
			}
		}
		parts = append(parts, part)
	}
	return append(append([]byte{'{'}, bytes.Join(parts, []byte(","))...), '}')
}

// inner is what is between the brackets of an array.
func inner(array []byte) []byte {
	if len(array) < 2 || array[0] != '[' {
		return nil
	}
	return bytes.TrimSpace(array[1 : len(array)-1])
}

func nonEmpty(lists [][]byte) [][]byte {
	kept := lists[:0:0]
	for _, list := range lists {
		if len(list) > 0 {
			kept = append(kept, list)
		}
	}
	return kept
}

// lifetime is how long a list may be kept, in milliseconds. One that does not say is stale at once.
// Source: MCP 2026-07-28, Caching.
func lifetime(result []byte) int64 {
	ms, err := strconv.ParseInt(jsonrpc.NormalizeID(jsonrpc.Get(result, "ttlMs")), 10, 64)
	if err != nil {
		return 0
	}
	return ms
}

// recordTools keeps what a stateless list says of headers, and is the response without tools that cannot be called.
func (c *Client) recordTools(request, response *jsonrpc.Message) *jsonrpc.Message {
	if response.Result == nil {
		return response
	}
	// A call of a tool that has the name of ours never reaches LeadMagic, and a list that has it is taken for ours.
	result := jsonrpc.Select(response.Result, "tools", func(tool []byte) bool { return !isReserved(tool) })
	if len(result) != len(response.Result) {
		c.Log.Warn("a tool of LeadMagic is left out: its name is reserved", "tool", problem.StatusTool)
	}
	if request.Stateless() {
		result = c.params.record(result, c.Log)
	}
	return response.WithResult(result)
}

// isReserved reports whether any reader may take tool for ours.
func isReserved(tool []byte) bool {
	for m := range jsonrpc.Members(tool) {
		if name, _ := jsonrpc.Unquote(m.Value); name == problem.StatusTool && strings.EqualFold(string(m.Name), "name") {
			return true
		}
	}
	return false
}

// sendAlong sends a request of our own for as long as x lasts, and returns its response.
func (c *Client) sendAlong(x *exchange, request *jsonrpc.Message) *jsonrpc.Message {
	own := c.exchange(request, readFor)
	defer context.AfterFunc(x.ctx, func() { own.stop(context.Cause(x.ctx)) })()
	response := c.send(own)
	if !own.reading {
		own.stop(nil)
	}
	own.held.release()
	return response
}

// withCursor is call for another page, nil if its params are no object. It has the id of call, which has its response
// already, so that the id is free.
func withCursor(call *jsonrpc.Message, cursor []byte) *jsonrpc.Message {
	params := call.Params
	switch {
	case params == nil:
		end := bytes.LastIndexByte(call.Raw, '}')
		return jsonrpc.Compose(call.Raw[:end], []byte(`,"params":{"cursor":`), cursor, []byte(`}}`))
	case params[0] != '{':
		return nil
	}
	if old := jsonrpc.Get(params, "cursor"); old != nil {
		return jsonrpc.Compose(jsonrpc.Splice(call.Raw, old, cursor))
	}
	member := append([]byte(`{"cursor":`), cursor...)
	if rest := bytes.TrimSpace(params[1 : len(params)-1]); len(rest) > 0 {
		member = append(append(member, ','), rest...)
	}
	return jsonrpc.Compose(jsonrpc.Splice(call.Raw, params, append(member, '}')))
}

// listAgain lists the tools after LeadMagic has found the headers of a call out of date.
func (c *Client) listAgain(x *exchange) bool {
	list := jsonrpc.NewRequest(x.message.ID, "tools/list", append(append([]byte(`{"_meta":`), x.message.Meta...), '}'))
	own := c.exchange(list, readFor)
	defer context.AfterFunc(x.ctx, func() { own.stop(context.Cause(x.ctx)) })()
	defer func() { own.stop(nil) }()
	defer own.held.release()
	return c.allPages(own, c.send(own)).Result != nil
}
