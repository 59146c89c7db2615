package streamable_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
)

// Who waits for the rate limit is told so only if it has asked for progress.
func TestProgressIsToldToThoseWhoAskForIt(t *testing.T) {
	const told = `"message":"LeadMagic's rate limit is reached, waiting 3 s"}}`
	tests := []struct {
		name, meta string
		token      string // empty if nothing is told
	}{
		{"no _meta", ``, ""},
		{"an empty _meta", `,"_meta":{}`, ""},
		{"another member", `,"_meta":{"traceparent":"x"}`, ""},
		{"a token elsewhere", `,"progressToken":1,"_meta":{"x":{"progressToken":2}}`, ""},
		{"a number", `,"_meta":{"progressToken":7}`, "7"},
		{"zero", `,"_meta":{"progressToken":0}`, "0"},
		{"a text", `,"_meta":{"progressToken":"a b"}`, `"a b"`},
		{"an empty text", `,"_meta":{"progressToken":""}`, `""`},
		{"a large number", `,"_meta":{"progressToken":9007199254740993}`, "9007199254740993"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				var mu sync.Mutex
				limited := map[string]int{"1": 2, "2": 1}
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
					if m.Method != "tools/call" && m.Method != "resources/read" {
						return false
					}
					mu.Lock()
					defer mu.Unlock()
					if limited[string(m.ID)] == 0 {
						return false
					}
					limited[string(m.ID)]--
					w.Header().Set("Retry-After", "3")
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				}
				d := o.open()
				d.Write(toolCall(1, tt.meta))
				synctest.Wait()
				if tt.token == "" {
					d.Want(`"id":1`, `"result"`)
				} else {
					for _, n := range []string{"0.001", "0.002"} {
						d.WantLine(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + tt.token + `,"progress":` + n + `,` + told)
					}
					d.Want(`"id":1`, `"result"`)
				}
				d.Write(`{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"a:b"}}`)
				d.Want(`"id":2`, `"result"`)
				d.WantNothing()
				d.End()
			})
		})
	}
}
