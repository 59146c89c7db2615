package proxy

import (
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// A session of a month must not keep the ids of its requests.
func TestPendingKeepsNothing(t *testing.T) {
	p := &pending{byID: make(map[string][]*request)}
	sent := func(id string) *request {
		return &request{Message: jsonrpc.NewRequest([]byte(id), "ping", []byte("{}"))}
	}
	a, again, b := sent("1"), sent("1.0"), sent(`"b"`) // two in flight that have one id
	p.add(a)
	p.add(again)
	p.add(b)
	for _, r := range []*request{again, b, a} {
		if !p.remove(r) || p.remove(r) {
			t.Errorf("%s is not removed exactly once", r.ID)
		}
		p.finish(r)
	}
	p.open.Wait()
	if len(p.byID) != 0 {
		t.Errorf("%v is left", p.byID)
	}
}
