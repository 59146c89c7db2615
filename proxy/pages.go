package proxy

import (
	"bytes"
	"strconv"
	"strings"
)

// maxPages is how many pages of a tool list are put into one.
const maxPages = 20

// listed is the answer to a tools/list as the editor gets it. Several editors read only the first page, so
// an editor that asks for it gets all pages in one. In the modern era the list also tells which arguments
// go into headers.
func (r *Remote) listed(f *flight, answer *Message) *Message {
	answer = r.learn(f.call, answer)
	if goesOn(f.call) {
		return answer
	}
	return r.join(f, answer)
}

// goesOn reports whether a call asks for a page after the first one.
func goesOn(call *Message) bool {
	cursor := find(call.Params, "cursor")
	return cursor != nil && string(cursor) != "null"
}

// learn takes note of a list for the calls to come, and returns it without tools that cannot be called.
func (r *Remote) learn(call, answer *Message) *Message {
	if answer.Result == nil {
		return answer
	}
	result := r.withoutReserved(answer.Result)
	if call.Modern() {
		result = r.params.learn(result, r.Log)
	}
	if len(result) == len(answer.Result) {
		return answer
	}
	return compose(splice(answer.Raw, answer.Result, result))
}

// withoutReserved is the result of a tools/list without tools that have the name of ours: a call of it never reaches
// LeadMagic, and a list that has it is taken for ours.
func (r *Remote) withoutReserved(result []byte) []byte {
	list := find(result, "tools")
	var kept [][]byte
	total := 0
	for tool := range elements(list) {
		total++
		if !isReserved(tool) {
			kept = append(kept, tool)
		}
	}
	if len(kept) == total {
		return result
	}
	r.Log.Warn("a tool of LeadMagic is left out: its name is reserved", "tool", StatusTool)
	return splice(result, list, []byte("["), bytes.Join(kept, []byte(",")), []byte("]"))
}

// isReserved reports whether any reader may take tool for ours.
func isReserved(tool []byte) bool {
	for m := range members(tool) {
		name, _ := unquote(m.value)
		if strings.EqualFold(string(m.name), "name") && name == StatusTool {
			return true
		}
	}
	return false
}

// join appends the pages that follow first. A page that does not come is left to the editor to ask for.
func (r *Remote) join(f *flight, first *Message) *Message {
	list := find(first.Result, "tools")
	if list == nil || list[0] != '[' {
		return first
	}
	tools := [][]byte{inner(list)}
	ttl := lifetime(first.Result)
	next := nextCursor(first.Result)
	seen := make(map[string]bool)
	for len(tools) < maxPages {
		cursor, _ := unquote(next)
		if cursor == "" {
			break // some servers mean the end by it, and to others it is a cursor: the editor sees it
		}
		if seen[cursor] {
			next = nil
			break
		}
		seen[cursor] = true
		call := withCursor(f.call, next)
		if call == nil {
			break
		}
		page := r.learn(call, r.ask(&flight{call: call, ctx: f.ctx}))
		if page.Result == nil {
			break
		}
		tools = append(tools, inner(find(page.Result, "tools")))
		ttl = min(ttl, lifetime(page.Result))
		next = nextCursor(page.Result)
	}
	if len(tools) == 1 {
		return first
	}
	return compose(splice(first.Raw, first.Result, joined(first.Result, tools, next, ttl)))
}

// nextCursor is where the list goes on, nil if this is its last page.
func nextCursor(result []byte) []byte {
	next := find(result, "nextCursor")
	if string(next) == "null" {
		return nil
	}
	return next
}

// joined is the result of the first page with the tools of all, and with the cursor after the last.
func joined(first []byte, tools [][]byte, next []byte, ttl int64) []byte {
	var parts [][]byte
	for m := range members(first) {
		part := first[m.from:m.to]
		switch string(m.name) {
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
	ms, err := strconv.ParseInt(canonical(find(result, "ttlMs")), 10, 64)
	if err != nil {
		return 0
	}
	return ms
}

// withCursor is call for another page, nil if its params are no object. It has the id of call, which is answered
// already, so that the id is free.
func withCursor(call *Message, cursor []byte) *Message {
	switch params := call.Params; {
	case params == nil:
		end := bytes.LastIndexByte(call.Raw, '}')
		return compose(call.Raw[:end], `,"params":{"cursor":`, cursor, `}}`)
	case params[0] != '{':
		return nil
	case find(params, "cursor") != nil:
		return compose(splice(call.Raw, find(params, "cursor"), cursor))
	case len(bytes.TrimSpace(params[1:len(params)-1])) == 0:
		return compose(splice(call.Raw, params, []byte(`{"cursor":`), cursor, []byte(`}`)))
	default:
		return compose(splice(call.Raw, params[:1], []byte(`{"cursor":`), cursor, []byte(`,`)))
	}
}

// relist asks for the tools again after LeadMagic has found the headers of a call out of date.
func (r *Remote) relist(f *flight) bool {
	call := compose(`{"jsonrpc":"2.0","id":`, f.call.ID, `,"method":"tools/list","params":{"_meta":`, f.call.meta.raw, `}}`)
	list := &flight{call: call, ctx: f.ctx}
	answer := r.listed(list, r.ask(list))
	return answer.Result != nil
}
