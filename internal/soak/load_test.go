package soak

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// TestAThousandCallsAtOnce has LeadMagic hold what comes until as many calls are there as are sent at once. The others follow.
func TestAThousandCallsAtOnce(t *testing.T) {
	const (
		calls = 1000
		most  = 128
	)
	tests := []struct {
		name, proto string
		start       func(*testing.T, faults.Options) (*faults.Server, []string)
	}{
		{"over HTTP/1.1", "HTTP/1.1", func(t *testing.T, o faults.Options) (*faults.Server, []string) {
			s := startSandbox(t, o)
			return s, at(s)
		}},
		{"over HTTP/2 and TLS", "HTTP/2.0", startTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, env := tt.start(t, faults.Options{})
			s.Fault(faults.Fault{Kind: faults.Hold, RPC: "tools/call"})
			e := openEditor(t, start(t, env), withSessions)

			answers := make([]<-chan *answer, calls)
			for i := range answers {
				answers[i] = e.call(lookup(i).tool(), lookup(i).arguments())
			}
			eventually(t, "as many are there as may be", func() bool { return asked(s, "tools/call") >= most })
			// What the editor does beside them is answered: it is read, and its notifications pass.
			e.write(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`)
			eventually(t, "a notification is there", func() bool { return asked(s, "notifications/roots/list_changed") == 1 })
			if n := asked(s, "tools/call"); n != most {
				t.Errorf("%d calls are with LeadMagic at once, want %d", n, most)
			}
			begun := time.Now()
			s.ClearFaults()
			for i, answered := range answers {
				a, err := e.await(t.Context(), answered)
				if err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
				if o, _, err := lookup(i).classify(a); o != succeeded || err != nil {
					t.Fatalf("call %d: %v %s", i, err, a.text())
				}
			}
			took := time.Since(begun)
			e.close()

			record := newLedger()
			if err := record.add(s.Calls()); err != nil {
				t.Fatal(err)
			}
			for i := range calls {
				if got := record.times[lookup(i).domain()]; got != 1 {
					t.Errorf("call %d was carried out %d times", i, got)
				}
			}
			connections := make(map[string]bool)
			for _, r := range s.Requests() {
				connections[r.Remote] = true
				if r.Proto != tt.proto {
					t.Fatalf("a request came over %s, want %s", r.Proto, tt.proto)
				}
			}
			if len(connections) > most+most/2 { // some are opened while others become idle
				t.Errorf("%d connections were opened", len(connections))
			}
			t.Logf("%d calls at once, over %d connections; answered within %.1f s", calls, len(connections), took.Seconds())
		})
	}
}

// asked is how many requests with a message of that method have come in.
func asked(s *faults.Server, method string) (n int) {
	for _, r := range s.Requests() {
		if bytes.Contains(r.Body, []byte(`"method":"`+method+`"`)) {
			n++
		}
	}
	return n
}

// startTLS starts a sandbox with TLS, under an authority that the variables name.
func startTLS(t *testing.T, o faults.Options) (*faults.Server, []string) {
	t.Helper()
	o.TLS = new(faults.Leaf)
	s := startSandbox(t, o)
	return s, append(at(s), "LEADMAGIC_CA_FILE="+caFile(t, s.Authority))
}

func caFile(t *testing.T, authority *faults.Authority) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
