package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestRule9TheProbeGoesUpstream(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			answer(w, m, `{"supportedVersions":["2026-07-28"]}`)
			return true
		}
		d := openDesk(t, o.remote())
		d.say(probe4)
		d.wantLine(`{"jsonrpc":"2.0","id":4,"result":{"supportedVersions":["2026-07-28"]}}`)
		d.leave()
		if h := o.last("server/discover").header; h.Get("Mcp-Method") != "server/discover" {
			t.Errorf("the probe has the headers %v", h)
		}
	})
}

func TestRule9AProbeThatCannotBeAnsweredSendsTheEditorToInitialize(t *testing.T) {
	tests := []struct {
		name string
		do   func(w http.ResponseWriter, r *http.Request, m rpc)
		want []string
		took time.Duration
	}{
		{"silence", func(_ http.ResponseWriter, r *http.Request, _ rpc) { untilGone(r) }, []string{"LeadMagic has not answered yet", "go on with initialize"}, probeFor},
		{"a refused key", func(w http.ResponseWriter, _ *http.Request, _ rpc) { w.WriteHeader(http.StatusUnauthorized) }, []string{"rejected the API key", `"httpStatus":401`}, 0},
		{"a server that knows sessions only", func(w http.ResponseWriter, _ *http.Request, _ rpc) { w.WriteHeader(http.StatusBadRequest) }, []string{"HTTP 400"}, 0},
		{"a page", func(w http.ResponseWriter, _ *http.Request, _ rpc) { _, _ = io.WriteString(w, "<html>") }, []string{"captive portal"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newOffice(t)
				o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
					if m.Method == "server/discover" {
						tt.do(w, r, m)
					}
					return m.Method == "server/discover"
				}
				d := openDesk(t, o.remote())
				start := time.Now()
				d.say(probe4)
				d.hear(append(tt.want, `"id":4`, `"code":-32601`, `"source":"leadmagic-mcp-proxy"`)...)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				d.say(hello)
				d.hear(`"id":0`)
				d.leave()
			})
		})
	}
}

// LeadMagic's own refusal of the probe passes: any error sends an editor to initialize.
func TestRule9AnErrorOfLeadMagicPasses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`)
			return true
		}
		d := openDesk(t, o.remote())
		d.say(probe4)
		d.wantLine(`{"jsonrpc":"2.0","id":4,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`)
		d.leave()
	})
}

func TestRule9WithoutAKeyNothingIsSentAndTheProbeIsAnsweredAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newOffice(t).remote()
		r.Dial = func() *http.Client {
			return &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")
			})}
		}
		d := openDesk(t, r)
		start := time.Now()
		d.say(probe4)
		d.wantLine(`{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"no key is set (fix: set one)","data":{"source":"leadmagic-mcp-proxy","code":"key_missing"}}}`)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		d.leave()
	})
}

// The answer that comes after the editor has gone on is nobody's.
func TestRule9ALateAnswerToTheProbeIsDropped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			if m.Method == "server/discover" {
				<-time.After(5 * time.Second)
				answer(w, m, `{"supportedVersions":[]}`)
				return true
			}
			return false
		}
		d := openDesk(t, o.remote())
		d.say(probe4)
		d.hear(`"id":4`, `"code":-32601`)
		<-time.After(10 * time.Second)
		d.quiet()
		d.leave()
	})
}

// It is not the answer to what the editor asks now, even if that has the same id.
func TestRule9ALateAnswerToTheProbeIsNotOneToInitialize(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, r *Remote) *desk{
		"alone": func(t *testing.T, r *Remote) *desk { return openDesk(t, r) },
		"as a choice": func(t *testing.T, r *Remote) *desk {
			return sit(t, &Choose{Candidates: []Candidate{{Upstream: r}}, Standby: &scripted{answer: silent}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newOffice(t)
				o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
					switch m.Method {
					case "server/discover":
						<-time.After(2500 * time.Millisecond)
						answer(w, m, `{"supportedVersions":[]}`)
						return true
					case "initialize":
						<-time.After(time.Second)
					}
					return false
				}
				d := open(t, o.remote())
				d.say(strings.Replace(probe4, `"id":4`, `"id":0`, 1))
				d.hear(`"id":0`, `"code":-32601`)
				d.say(hello)
				d.hear(`"id":0`, `"protocolVersion":"2025-06-18"`)
				d.alive()
				d.leave()
			})
		})
	}
}

func TestRule9AnUnreachableLeadMagicIsSaidWithinTwoSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.dial = func() error { return errors.New("no route") }
		d := openDesk(t, o.remote())
		start := time.Now()
		d.say(probe4)
		d.hear(`"id":4`, `"code":-32601`)
		if took := time.Since(start); took > probeFor {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		d.leave()
		o.wantLog()
	})
}
