package proxy

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestGuardInASessionWithoutLeadMagicSaysWhatIsWrong(t *testing.T) {
	missing := problem.New(problem.KeyMissing, problem.NotSent, "no API key was found", "")
	for _, g := range []*Guard{{ReadOnly: true}, {Exclude: []string{"nothing"}}, {MaxCredits: 5}} {
		var called []string
		standby := &scripted{answer: func(m *Message) *Message {
			result := `{"protocolVersion":"2025-11-25","tools":[{"name":"` + StatusTool + `"}],"content":[]}`
			if m.Method == "tools/call" {
				called = append(called, m.Param("name"))
			}
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`)
		}}
		up := &Choose{
			Refusal: missing, Standby: standby, KeyChanged: func() bool { return false }, Explained: func(*problem.Problem) {},
			Log: slog.New(slog.DiscardHandler),
		}
		a := employ(t, "legacy", up, g)
		for _, tool := range []string{"find_work_email", "nobody_knows_this"} {
			if got := a.call(tool, "{}"); !got.refused || !strings.Contains(got.text, "no API key was found") {
				t.Errorf("%s: got %q", tool, got.text)
			}
		}
		if got := a.call(StatusTool, "{}"); got.refused {
			t.Errorf("the status tool: got %q", got.text)
		}
		if names := toolNames(t, a.ask("tools/list", "{}")); !slices.Equal(names, []string{StatusTool}) {
			t.Errorf("listed are %q", names)
		}
		if want := []string{StatusTool}; !slices.Equal(called, want) {
			t.Errorf("called %q, want %q", called, want)
		}
		if len(a.spent()) > 0 {
			t.Errorf("spent %q", a.spent())
		}
	}
}

func TestGuardCountsNothingForCallsOfASessionThatOnlyExplains(t *testing.T) {
	// What became of the try to open the session says nothing of the calls in it.
	for _, code := range []problem.Code{problem.Cut, problem.TimedOut, problem.BrokenAnswer, problem.Failed} {
		t.Run(string(code), func(t *testing.T) {
			fails := problem.New(code, problem.Unknown, "the opening went wrong", "")
			up := &Choose{
				Candidates: []Candidate{{Upstream: &scripted{answer: refuses(fails)}}},
				Standby:    &scripted{answer: says("standby", "2025-11-25")},
				KeyChanged: func() bool { return false }, Explained: func(*problem.Problem) {},
				Log: slog.New(slog.DiscardHandler),
			}
			a := employ(t, "legacy", up, &Guard{MaxCredits: 5})
			got := a.call("find_mobile_number", "{}")
			if !got.refused || !strings.Contains(got.text, "the opening went wrong") || strings.Contains(got.text, "credits may have been used") {
				t.Errorf("got %q, want what went wrong, and no doubt about credits", got.text)
			}
			if len(a.spent()) > 0 {
				t.Errorf("spent %q", a.spent())
			}
		})
	}
}

func TestGuardDoesNotJudgeWithoutAList(t *testing.T) {
	tests := []struct {
		name string
		list func(w http.ResponseWriter, m rpc)
		why  string
	}{
		{"LeadMagic fails", func(w http.ResponseWriter, _ rpc) { w.WriteHeader(http.StatusServiceUnavailable) }, "LeadMagic failed with HTTP 503"},
		{"LeadMagic does not allow it", func(w http.ResponseWriter, _ rpc) { w.WriteHeader(http.StatusForbidden) }, "does not allow this"},
		{"the connection breaks", func(http.ResponseWriter, rpc) { abort() }, "the connection to LeadMagic broke"},
		{"LeadMagic refuses to list", func(w http.ResponseWriter, m rpc) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, m.ID)
		}, "LeadMagic does not list its tools"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachEra(t, func(t *testing.T, era string) {
				inBubble(t, func(t *testing.T) {
					o := newOffice(t)
					o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
						if m.Method == "tools/list" {
							tt.list(w, m)
						}
						return m.Method == "tools/list"
					}
					a := employ(t, era, o.remote(), &Guard{ReadOnly: true})
					got := a.call("check_credits", "{}")
					if !got.refused || !strings.Contains(got.text, tt.why) || strings.Contains(got.text, "outcome is unknown") {
						t.Errorf("got %q, want %q", got.text, tt.why)
					}
					a.leave()
					if called := o.called(); called != nil {
						t.Errorf("called %q", called)
					}
				})
			})
		})
	}
}

func TestGuardAsksInTheEraOfTheCall(t *testing.T) {
	eachEra(t, func(t *testing.T, era string) {
		o := newOffice(t)
		var mu sync.Mutex
		var asked []string
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method != "tools/list" && m.Method != "tools/call" {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			if string(m.ID) != "2" && string(m.ID) != "1" { // those are the editor's
				asked = append(asked, m.Method+" "+toolOf(m))
				if modern := r.Header.Get("Mcp-Method") != "" && strings.Contains(m.raw, `"2026-07-28"`); modern != (era == "modern") {
					t.Errorf("of another era: %s", m.raw)
				}
				if strings.Contains(m.raw, "progressToken") {
					t.Errorf("with a progress token that is another call's: %s", m.raw)
				}
			}
			answer(w, m, `{"tools":[{"name":"check_credit_balance"}],"structuredContent":{"credits":5}}`)
			return true
		}
		a := employ(t, era, o.remote(), &Guard{MaxCredits: 1})
		a.call("odd", "{}")
		a.leave()
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"tools/list ", "tools/call check_credit_balance", "tools/call check_credit_balance"}; !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}
	})
}
