package proxy

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A account is an upstream with a balance. It answers what is free at once, and other calls when the test says so.
type account struct {
	names   []string         // of the tools it lists
	trouble *problem.Problem // what keeps the balance from being read, nil if nothing does
	silent  bool             // the balance is never told

	wire
	mu      sync.Mutex
	balance string
	open    map[string][]*jsonrpc.Message // by tool
	log     []string
}

func newAccount(balance string) *account {
	return &account{balance: balance, names: []string{"check_credits"}, open: make(map[string][]*jsonrpc.Message)}
}

func (b *account) Notify(_ context.Context, m *jsonrpc.Message) { b.send(m) }

func (b *account) Call(ctx context.Context, m *jsonrpc.Message) *jsonrpc.Message {
	return b.call(ctx, m, b.send)
}

func (b *account) send(m *jsonrpc.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what := m.Method
	if what == "tools/call" {
		what = m.Param("name")
	}
	b.log = append(b.log, what)
	result := "{}"
	switch {
	case m.Kind != jsonrpc.Request:
		return
	case m.Method == "initialize":
		result = `{"protocolVersion":"2025-11-25"}`
	case m.Method == "tools/list":
		result = `{"tools":[{"name":"` + strings.Join(b.names, `"},{"name":"`) + `"}]}`
	case what == "check_credits" && b.silent:
		return
	case what == "check_credits" && b.trouble != nil:
		go b.deliver(jsonrpc.Failed(m, b.trouble))
		return
	case what == "check_credits":
		result = `{"structuredContent":{"credits":` + b.balance + `}}`
	case m.Method == "tools/call":
		b.open[what] = append(b.open[what], m)
		return
	}
	go b.deliver(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`))
}

// pays answers the oldest call of a tool, after which the balance is another.
func (b *account) pays(tool, result, balance string) {
	b.mu.Lock()
	m := b.open[tool][0]
	b.open[tool] = b.open[tool][1:]
	b.balance = balance
	b.mu.Unlock()
	b.deliver(compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":`+result+`}`))
	synctest.Wait()
}

// refuses answers the oldest call of a tool with a problem.
func (b *account) refuses(tool string, p *problem.Problem) {
	b.mu.Lock()
	m := b.open[tool][0]
	b.open[tool] = b.open[tool][1:]
	b.mu.Unlock()
	b.deliver(jsonrpc.Failed(m, p))
	synctest.Wait()
}

// becomes changes the account.
func (b *account) becomes(change func(*account)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// seen is what has come since the last time, without what opens a session.
func (b *account) seen() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(b.log, func(what string) bool {
		return what == "initialize" || what == "notifications/initialized" || what == "tools/list"
	})
	b.log = nil
	return strings.Join(list, " ")
}

// accountSession runs a test in both modes on a clock of its own.
func accountSession(t *testing.T, limit float64, test func(t *testing.T, b *account, a *client)) {
	t.Helper()
	eachMode(t, func(t *testing.T, mode string) {
		synctest.Test(t, func(t *testing.T) {
			b := newAccount("100")
			a := newClient(t, mode, b, &limits{MaxCredits: limit})
			a.clock = true
			test(t, b, a)
			a.leave()
		})
	})
}

func wantSeen(t *testing.T, b *account, want string) {
	t.Helper()
	if got := b.seen(); got != want {
		t.Errorf("LeadMagic saw %q, want %q", got, want)
	}
}

func wantSpent(t *testing.T, a *client, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := a.spent(); !slices.Equal(got, want) {
		t.Errorf("spent %q, want %q", got, want)
	}
}

// allowed fails unless a call was answered by LeadMagic.
func allowed(t *testing.T, a *client, id string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); got.refused {
		t.Errorf("refused with %q", got.text)
	}
}

// denied fails unless a call was refused for a reason.
func denied(t *testing.T, a *client, id, why string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); !got.refused || !strings.Contains(got.text, why) || strings.Contains(got.text, "outcome is unknown") {
		t.Errorf("got %q, want %q", got.text, why)
	}
}

const said1 = `{"structuredContent":{"credits_consumed":1}}`
