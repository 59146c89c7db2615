package streamable

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// maxPages is how many pages of a tool list are put into one.
const maxPages = 20

// allPages is the response to a tools/list as the editor gets it: several editors read only the first page, so an editor
// that asks for that gets all in one. A page that does not come is left to the editor to ask for. Requests for the others
// last as long as x, which holds the memory for all.
func (c *Client) allPages(x *exchange, request, first *jsonrpc.Message) *jsonrpc.Message {
	first = c.recordTools(request, first)
	next := nextCursor(first.Result)
	if request.HasCursor() || next == nil || jsonrpc.Get(first.Result, "tools") == nil { // there is nothing to put the others into
		return first
	}
	var more [][]byte // tools of the other pages
	size, ttl := len(first.Raw), lifetime(first.Result)
	seen := make(map[string]bool)
	for range maxPages - 1 {
		cursor, _ := jsonrpc.Unquote(next)
		if cursor == "" {
			break // some servers mean the end by it, and to others it is a cursor: the editor sees it
		}
		if seen[cursor] {
			next = nil
			break
		}
		seen[cursor] = true
		call := withCursor(request, next)
		page := c.recordTools(call, c.sendWithin(x.ctx, c.exchange(call, readFor)))
		size += len(page.Raw)
		if page.Result == nil || x.held.grow(size, false) != nil { // together they are one message
			break
		}
		more = appendElements(more, jsonrpc.Get(page.Result, "tools"))
		ttl = min(ttl, lifetime(page.Result))
		next = nextCursor(page.Result)
	}
	return first.WithResult(jsonrpc.Edit(first.Result, func(m jsonrpc.Member) []byte {
		switch name := string(m.Name); {
		case name == "tools" && more != nil:
			return jsonrpc.Array(append(appendElements(nil, m.Value), more...))
		case name == "nextCursor":
			return next
		case name == "ttlMs" && ttl < lifetime(first.Result):
			return strconv.AppendInt(nil, ttl, 10)
		}
		return m.Value
	}))
}

// appendElements adds to list what is between the brackets of an array, as it is written, if there is anything.
func appendElements(list [][]byte, array []byte) [][]byte {
	if bytes.HasPrefix(array, []byte{'['}) {
		if inner := bytes.TrimSpace(array[1 : len(array)-1]); len(inner) > 0 {
			return append(list, inner)
		}
	}
	return list
}

// nextCursor is the cursor of the next page, nil if this is the last one.
func nextCursor(result []byte) []byte {
	next := jsonrpc.Get(result, "nextCursor")
	if string(next) == "null" {
		return nil
	}
	return next
}

// lifetime is how long a list may be kept, in milliseconds. One that does not say is stale at once.
// Source: MCP 2026-07-28, Caching.
func lifetime(result []byte) int64 {
	ms, _ := strconv.ParseInt(jsonrpc.NormalizeID(jsonrpc.Get(result, "ttlMs")), 10, 64) // the largest, if it is larger
	return ms
}

// recordTools keeps what a stateless list says of headers, and is the response without tools that cannot be called.
func (c *Client) recordTools(request, response *jsonrpc.Message) *jsonrpc.Message {
	return response.WithResult(jsonrpc.Select(response.Result, "tools", func(tool []byte) bool {
		if isReserved(tool) {
			c.Log.Warn("a tool of LeadMagic is left out: its name is reserved", "tool", problem.StatusTool)
			return false
		}
		return !request.Stateless() || c.recordHeaders(tool)
	}))
}

// isReserved reports whether any reader may take tool for ours: a call of it would never reach LeadMagic, and a list that
// has it is taken for ours.
func isReserved(tool []byte) bool {
	for m := range jsonrpc.Members(tool) {
		if name, _ := jsonrpc.Unquote(m.Value); name == problem.StatusTool && strings.EqualFold(string(m.Name), "name") {
			return true
		}
	}
	return false
}

// withCursor is call for another page. It has the id of call, which has its response already, so that the id is free.
func withCursor(call *jsonrpc.Message, cursor []byte) *jsonrpc.Message {
	members := [][]byte{append([]byte(`"cursor":`), cursor...)}
	for m := range jsonrpc.Members(call.Params) {
		if string(m.Name) != "cursor" {
			members = append(members, m.Raw)
		}
	}
	return jsonrpc.NewRequest(call.ID, call.Method, jsonrpc.Object(members))
}

// listAgain lists the tools after LeadMagic has found the headers of a call out of date.
func (c *Client) listAgain(x *exchange) bool {
	list := jsonrpc.NewRequest(x.message.ID, "tools/list", fmt.Appendf(nil, `{"_meta":%s}`, x.message.Meta))
	return c.allPages(x, list, c.sendWithin(x.ctx, c.exchange(list, readFor))).Result != nil
}
