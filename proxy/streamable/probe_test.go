package streamable_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestRule9TheProbeGoesUpstream(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			answer(w, m, `{"supportedVersions":["2026-07-28"]}`)
			return true
		}
		d := openEditor(t, o.remote())
		d.Write(probe4)
		d.WantLine(`{"jsonrpc":"2.0","id":4,"result":{"supportedVersions":["2026-07-28"]}}`)
		d.End()
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
		{"silence", func(_ http.ResponseWriter, r *http.Request, _ rpc) { untilGone(r) }, []string{"LeadMagic has not answered yet", "go on with initialize"}, 2 * time.Second},
		{"a refused key", func(w http.ResponseWriter, _ *http.Request, _ rpc) { w.WriteHeader(http.StatusUnauthorized) }, []string{"rejected the API key", `"httpStatus":401`}, 0},
		{"a server that knows sessions only", func(w http.ResponseWriter, _ *http.Request, _ rpc) { w.WriteHeader(http.StatusBadRequest) }, []string{"HTTP 400"}, 0},
		{"a page", func(w http.ResponseWriter, _ *http.Request, _ rpc) { _, _ = io.WriteString(w, "<html>") }, []string{"captive portal"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				o.on("server/discover", func(w http.ResponseWriter, r *http.Request, m rpc) {
					tt.do(w, r, m)
				})
				d := openEditor(t, o.remote())
				start := time.Now()
				d.Write(probe4)
				d.Want(append(tt.want, `"id":4`, `"code":-32601`, `"source":"leadmagic-mcp-proxy"`)...)
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				d.Write(hello)
				d.Want(`"id":0`)
				d.End()
			})
		})
	}
}

// LeadMagic's own refusal of the probe passes: any error sends an editor to initialize.
func TestRule9AnErrorOfLeadMagicPasses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, _ rpc) bool {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`)
			return true
		}
		d := openEditor(t, o.remote())
		d.Write(probe4)
		d.WantLine(`{"jsonrpc":"2.0","id":4,"error":{"code":-32000,"message":"Bad Request: Server not initialized"}}`)
		d.End()
	})
}

func TestRule9WithoutAKeyNothingIsSentAndTheProbeIsAnsweredAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newFakeServer(t).remote()
		r.Dial = func() http.RoundTripper {
			return roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, problem.New(problem.KeyMissing, problem.NotSent, "no key is set", "set one")
			})
		}
		d := openEditor(t, r)
		start := time.Now()
		d.Write(probe4)
		d.WantLine(`{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"no key is set (fix: set one)","data":{"source":"leadmagic-mcp-proxy","code":"key_missing"}}}`)
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
		d.End()
	})
}

// The answer that comes after the editor has gone on is nobody's.
func TestRule9ALateAnswerToTheProbeIsDropped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("server/discover", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			<-time.After(5 * time.Second)
			answer(w, m, `{"supportedVersions":[]}`)
		})
		d := openEditor(t, o.remote())
		d.Write(probe4)
		d.Want(`"id":4`, `"code":-32601`)
		<-time.After(10 * time.Second)
		d.WantNothing()
		d.End()
	})
}

// It is not the answer to what the editor asks now, even if that has the same id.
func TestRule9ALateAnswerToTheProbeIsNotOneToInitialize(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, r *streamable.Client) *proxytest.Editor{
		"alone": func(t *testing.T, r *streamable.Client) *proxytest.Editor { return openEditor(t, r) },
		"as a choice": func(t *testing.T, r *streamable.Client) *proxytest.Editor {
			return openEditor(t, &proxy.Failover{
				Candidates: []*proxy.Candidate{{Upstream: r}}, Fallback: &proxy.InProcess{Serve: silentServer, Log: r.Log},
				Explained: func(*problem.Problem) {}, KeyChanged: func() bool { return false }, Log: r.Log,
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
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
				d.Write(strings.Replace(probe4, `"id":4`, `"id":0`, 1))
				d.Want(`"id":0`, `"code":-32601`)
				d.Write(hello)
				d.Want(`"id":0`, `"protocolVersion":"2025-06-18"`)
				alive(d)
				d.End()
			})
		})
	}
}

func TestRule9AnUnreachableLeadMagicIsSaidWithinTwoSeconds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.dial = func() error { return errors.New("no route") }
		d := openEditor(t, o.remote())
		start := time.Now()
		d.Write(probe4)
		d.Want(`"id":4`, `"code":-32601`)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		d.End()
		o.wantLog()
	})
}
