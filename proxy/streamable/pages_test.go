package streamable_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paged answers each tools/list with the page that its cursor names; the page without one is "".
func paged(pages map[string]string) func(http.ResponseWriter, *http.Request, rpc) bool {
	return func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
		if m.Method != "tools/list" {
			return false
		}
		var params struct{ Cursor string }
		_ = json.Unmarshal(m.Params, &params)
		page, ok := pages[params.Cursor]
		if !ok {
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"no such page"}}`, m.ID)
			return true
		}
		answer(w, m, page)
		return true
	}
}

func TestRule7PagesOfToolsAreOne(t *testing.T) {
	endless := make(map[string]string)
	var twenty []string
	for i := range 30 {
		name := fmt.Sprint(i)
		cursor := name
		if i == 0 {
			cursor = ""
		}
		endless[cursor] = fmt.Sprintf(`{"tools":[{"name":"t%s"}],"nextCursor":"%d"}`, name, i+1)
		if i < 20 {
			twenty = append(twenty, fmt.Sprintf(`{"name":"t%s"}`, name))
		}
	}
	tests := []struct {
		name   string
		pages  map[string]string
		params string // of the editor's request, with a comma before
		want   string // the result
		asked  int
	}{
		{
			"one page is left as it is",
			map[string]string{"": `{ "tools" : [ ] , "x":1e2}`},
			"", `{ "tools" : [ ] , "x":1e2}`, 1,
		},
		{
			"the pages are joined, and the rest of the first is kept",
			map[string]string{
				"":  `{"a":1e0,"tools":[{"name":"1"} , {"name":"2"}],"nextCursor":"b","z":{"k": null}}`,
				"b": `{"tools":[{"name":"3"}],"nextCursor":"c","z":"other"}`,
				"c": `{"other":true,"tools":[ {"name":"4"} ]}`,
			},
			"", `{"a":1e0,"tools":[{"name":"1"} , {"name":"2"},{"name":"3"},{"name":"4"}],"z":{"k": null}}`, 3,
		},
		{
			"empty pages among them",
			map[string]string{"": `{"tools":[],"nextCursor":"b"}`, "b": `{"tools":[ ],"nextCursor":"c"}`, "c": `{"tools":[{"name":"4"}]}`},
			"", `{"tools":[{"name":"4"}]}`, 3,
		},
		{
			"the shortest life of all pages counts",
			map[string]string{"": `{"ttlMs":300,"tools":[1],"nextCursor":"b"}`, "b": `{"ttlMs":20,"tools":[2],"nextCursor":"c"}`, "c": `{"ttlMs":4e2,"tools":[3]}`},
			"", `{"ttlMs":20,"tools":[1,2,3]}`, 3,
		},
		{
			"a page that does not say how long it lives is stale at once",
			map[string]string{"": `{"ttlMs":300,"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2]}`},
			"", `{"ttlMs":0,"tools":[1,2]}`, 2,
		},
		{
			"so is one whose life is no number, and one that lives longer than can be counted is not",
			map[string]string{"": `{"ttlMs":300,"tools":[1],"nextCursor":"b"}`, "b": `{"ttlMs":99999999999999999999,"tools":[2],"nextCursor":"c"}`, "c": `{"ttlMs":"20","tools":[3]}`},
			"", `{"ttlMs":0,"tools":[1,2,3]}`, 3,
		},
		{
			"a life that is too long to be counted",
			map[string]string{"": `{"ttlMs":300,"tools":[1],"nextCursor":"b"}`, "b": `{"ttlMs":99999999999999999999,"tools":[2]}`},
			"", `{"ttlMs":300,"tools":[1,2]}`, 2,
		},
		{
			"a life that is no number is left alone",
			map[string]string{"": `{"ttlMs":"long","tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2]}`},
			"", `{"ttlMs":"long","tools":[1,2]}`, 2,
		},
		{
			"a cursor that repeats ends the list",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":"b"}`},
			"", `{"tools":[1,2]}`, 2,
		},
		{
			"cursors in a circle end the list",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":"c"}`, "c": `{"tools":[3],"nextCursor":"b"}`},
			"", `{"tools":[1,2,3]}`, 3,
		},
		{
			"a page that does not come is left to the editor",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":"gone"}`},
			"", `{"tools":[1,2],"nextCursor":"gone"}`, 3,
		},
		{
			"so is a second page that does not come",
			map[string]string{"": `{"tools":[1] ,"nextCursor":"gone"}`},
			"", `{"tools":[1] ,"nextCursor":"gone"}`, 2,
		},
		{
			"a first page without a list is left to the editor",
			map[string]string{"": `{"nextCursor":"b"}`, "b": `{"tools":[2]}`},
			"", `{"nextCursor":"b"}`, 1,
		},
		{"twenty pages are enough", endless, "", `{"tools":[` + strings.Join(twenty, ",") + `],"nextCursor":"20"}`, 20},
		{
			"an editor that asks for a page gets that page",
			map[string]string{"b": `{"tools":[2],"nextCursor":"c"}`},
			`,"params":{"cursor":"b"}`, `{"tools":[2],"nextCursor":"c"}`, 1,
		},
		{
			"the params of the editor go with each page",
			map[string]string{"": `{"tools":[1],"nextCursor":"\u0062"}`, "b": `{"tools":[2]}`},
			`,"params":{ "x":{"cursor":"no"} }`, `{"tools":[1,2]}`, 2,
		},
		{"empty params", map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2]}`}, `,"params":{ }`, `{"tools":[1,2]}`, 2},
		{"params that are no object", map[string]string{"": `{"tools":[1],"nextCursor":"b"}`}, `,"params":5`, `{"tools":[1],"nextCursor":"b"}`, 2},
		{"params in a list", map[string]string{"": `{"tools":[1],"nextCursor":"b"}`}, `,"params":[1]`, `{"tools":[1],"nextCursor":"b"}`, 2},
		{"a cursor that is null", map[string]string{"": `{"tools":[1],"nextCursor":null}`}, "", `{"tools":[1],"nextCursor":null}`, 1},
		{"a cursor that is empty", map[string]string{"": `{"tools":[1],"nextCursor":""}`}, "", `{"tools":[1],"nextCursor":""}`, 1},
		{
			"an empty cursor is left to the editor behind the first page too",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":""}`},
			"", `{"tools":[1,2],"nextCursor":""}`, 2,
		},
		{
			"null ends the list there as well",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":null}`},
			"", `{"tools":[1,2]}`, 2,
		},
		{
			"a cursor that repeats in another form is the same",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2],"nextCursor":"\u0062"}`},
			"", `{"tools":[1,2]}`, 2,
		},
		{
			"an editor whose cursor is null asks for the first page",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":[2]}`},
			`,"params":{"cursor": null }`, `{"tools":[1,2]}`, 2,
		},
		{"a cursor that is a number", map[string]string{"": `{"tools":[1],"nextCursor":7}`}, "", `{"tools":[1],"nextCursor":7}`, 1},
		{"tools that are no list", map[string]string{"": `{"tools":{},"nextCursor":"b"}`}, "", `{"tools":{},"nextCursor":"b"}`, 2},
		{
			"a page whose tools are no list",
			map[string]string{"": `{"tools":[1],"nextCursor":"b"}`, "b": `{"tools":{"x":1}}`},
			"", `{"tools":[1]}`, 2,
		},
		{"a result that is no object", map[string]string{"": `[1]`}, "", `[1]`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.post = paged(tt.pages)
				d := o.open()
				d.Write(`{"jsonrpc":"2.0","id":"l","method":"tools/list"` + tt.params + `}`)
				d.WantLine(`{"jsonrpc":"2.0","id":"l","result":` + tt.want + `}`)
				if n := o.count("tools/list s1"); n != tt.asked {
					t.Errorf("LeadMagic was asked for %d pages, want %d", n, tt.asked)
				}
				alive(d)
				d.End()
			})
		})
	}
}

func TestRule7OtherListsPassUntouched(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.ID != nil && strings.HasSuffix(m.Method, "/list") {
				answer(w, m, `{"items":[1],"nextCursor":"b"}`)
				return true
			}
			return false
		}
		d := o.open()
		for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list", "tasks/list"} {
			d.Write(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
			d.WantLine(`{"jsonrpc":"2.0","id":1,"result":{"items":[1],"nextCursor":"b"}}`)
			if n := o.count(method + " s1"); n != 1 {
				t.Errorf("%s was sent %d times", method, n)
			}
		}
		d.End()
	})
}

// The pages go to LeadMagic as the editor would have asked for them.
func TestRule7ThePagesAreAskedForInTheEditorsWords(t *testing.T) {
	for _, tt := range []struct{ call, want string }{
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"\u0062"}}`},
		{`{"params":{},"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"\u0062"}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":null,"x":1}}`, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"\u0062","x":1}}`},
		{`{"jsonrpc":"2.0","id":1.5,"method":"tools/list","params":{"_meta":{"progressToken":1}, "x":[]}}`, `{"jsonrpc":"2.0","id":1.5,"method":"tools/list","params":{"cursor":"\u0062","_meta":{"progressToken":1},"x":[]}}`},
	} {
		inBubble(t, func(t *testing.T) {
			o := newFakeServer(t)
			o.post = paged(map[string]string{"": `{"tools":[],"nextCursor":"\u0062"}`, "b": `{"tools":[]}`})
			d := o.open()
			d.Write(tt.call)
			d.Want(`"tools":[]`)
			if got := o.last("tools/list").raw; got != tt.want {
				t.Errorf("LeadMagic got %s, want %s", got, tt.want)
			}
			d.End()
		})
	}
}

// A list is one call, whatever it takes: the editor may cancel it while the pages come.
func TestRule7AListOfPagesCanBeCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		second, gone := make(chan struct{}), make(chan struct{})
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method == "tools/list" && strings.Contains(string(m.Params), "cursor") {
				close(second)
				untilGone(r)
				close(gone)
				return true
			}
			return paged(map[string]string{"": `{"tools":[],"nextCursor":"b"}`})(w, r, m)
		}
		d := openEditor(t, o.remote())
		d.Write(statelessList)
		<-second
		d.Write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
		cancelled := time.Now()
		<-gone
		if d := time.Since(cancelled); d > 0 {
			t.Errorf("the page was asked for %v longer", d)
		}
		d.Write(`{"jsonrpc":"2.0","id":4,"method":"ping","params":{` + metaOf + `}}`)
		d.Want(`"id":4`)
		d.End()
	})
}

// Nobody needs the other pages of a list that is cancelled.
func TestRule7NoPagesAfterACancellation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		pages := paged(map[string]string{"": `{"tools":[],"nextCursor":"2"}`, "2": `{"tools":[],"nextCursor":"3"}`, "3": `{"tools":[]}`})
		next := make(chan struct{})
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if strings.Contains(m.raw, `"cursor":"2"`) {
				<-next
			}
			return pages(w, r, m)
		}
		d := o.open()
		d.Write(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		synctest.Wait()
		d.Write(cancelOf("1"))
		synctest.Wait()
		close(next)
		alive(d)
		d.End()
		if n := o.count("tools/list s1"); n != 2 {
			t.Errorf("LeadMagic got %d requests for pages, want 2", n)
		}
	})
}
