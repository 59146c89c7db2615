package proxy

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A bank is a LeadMagic with a balance, over HTTP. It answers what is free at once, and other calls when the test says so.
type bank struct {
	*office
	names   []string // of the tools it lists
	trouble func()   // what becomes of a request for the balance, nil if it is answered
	failing bool     // the balance is answered with HTTP 503
	silent  bool     // the balance is never told

	mu      sync.Mutex
	balance string
	open    map[string][]*openCall // by tool
	seenNow []string
	over    bool // the editor has ended the session: whose streams are closed says nothing
}

// An openCall is one that the bank has not answered.
type openCall struct {
	id     string
	modern bool
	answer chan func(w http.ResponseWriter, m rpc)
}

func newBank(t *testing.T, balance string) *bank {
	t.Helper()
	b := &bank{office: newOffice(t), balance: balance, names: []string{"check_credits"}, open: make(map[string][]*openCall)}
	b.post = b.take
	return b
}

// take answers a message of the editor's or of the guard's.
func (b *bank) take(w http.ResponseWriter, r *http.Request, m rpc) bool {
	what := m.Method
	if what == "tools/call" {
		what = toolOf(m)
	}
	b.note(what)
	b.mu.Lock()
	names, balance, trouble, failing, silent := b.names, b.balance, b.trouble, b.failing, b.silent
	b.mu.Unlock()
	switch {
	case m.Method == "tools/list":
		answer(w, m, `{"tools":[{"name":"`+strings.Join(names, `"},{"name":"`)+`"}]}`)
	case m.Method != "tools/call":
		return false
	case what == "check_credits" && silent:
		b.await(r, m, what)
	case what == "check_credits" && trouble != nil:
		trouble()
	case what == "check_credits" && failing:
		w.WriteHeader(http.StatusServiceUnavailable)
	case what == "check_credits":
		answer(w, m, `{"structuredContent":{"credits":`+balance+`}}`)
	default:
		if settle := b.await(r, m, what); settle != nil {
			settle(w, m)
		}
	}
	return true
}

// await is how a call is to be answered; nil if the other side has gone.
func (b *bank) await(r *http.Request, m rpc, tool string) func(http.ResponseWriter, rpc) {
	call := &openCall{id: string(m.ID), modern: r.Header.Get("Mcp-Method") != "", answer: make(chan func(http.ResponseWriter, rpc), 1)}
	b.mu.Lock()
	b.open[tool] = append(b.open[tool], call)
	b.mu.Unlock()
	select {
	case settle := <-call.answer:
		return settle
	case <-r.Context().Done():
		b.mu.Lock()
		b.open[tool] = slices.DeleteFunc(b.open[tool], func(other *openCall) bool { return other == call })
		cancelled := call.modern && !b.over
		b.mu.Unlock()
		if cancelled {
			b.note("notifications/cancelled") // which the stateless mode says so
		}
		return nil
	}
}

func (b *bank) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seenNow = append(b.seenNow, what)
}

// settle answers the oldest call of a tool.
func (b *bank) settle(tool string, how func(w http.ResponseWriter, m rpc), balance string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	if len(b.open[tool]) == 0 {
		b.mu.Unlock()
		b.t.Fatalf("there is no call of %s to answer", tool)
	}
	call := b.open[tool][0]
	b.open[tool] = b.open[tool][1:]
	if balance != "" {
		b.balance = balance
	}
	b.mu.Unlock()
	call.answer <- how
	synctest.Wait()
}

// pays answers the oldest call of a tool, after which the balance is another.
func (b *bank) pays(tool, result, balance string) {
	b.t.Helper()
	b.settle(tool, func(w http.ResponseWriter, m rpc) { answer(w, m, result) }, balance)
}

// refuses answers the oldest call of a tool with an HTTP status.
func (b *bank) refuses(tool string, status int) {
	b.t.Helper()
	b.settle(tool, func(w http.ResponseWriter, _ rpc) { w.WriteHeader(status) }, "")
}

// breaksOff answers the oldest call of a tool with the end of its connection.
func (b *bank) breaksOff(tool string) {
	b.t.Helper()
	b.settle(tool, func(http.ResponseWriter, rpc) { abort() }, "")
}

// becomes changes the bank.
func (b *bank) becomes(change func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// closes is said before the editor ends the session.
func (b *bank) closes() { b.becomes(func(b *bank) { b.over = true }) }

// seen is what has come since the last time, without what opens a session.
func (b *bank) seen() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(b.seenNow, func(what string) bool {
		return what == "initialize" || what == "notifications/initialized" || what == "tools/list"
	})
	b.seenNow = nil
	return strings.Join(list, " ")
}

// bankSession runs a test in both modes on a clock of its own.
func bankSession(t *testing.T, limit float64, test func(t *testing.T, b *bank, a *agent)) {
	t.Helper()
	eachEra(t, func(t *testing.T, era string) { bankSessionIn(t, era, limit, test) })
}

func bankSessionIn(t *testing.T, era string, limit float64, test func(t *testing.T, b *bank, a *agent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBank(t, "100")
		a := employ(t, era, b.remote(), &Guard{MaxCredits: limit})
		test(t, b, a)
		b.closes()
		a.leave()
	})
}

func wantSeen(t *testing.T, b *bank, want string) {
	t.Helper()
	if got := b.seen(); got != want {
		t.Errorf("LeadMagic saw %q, want %q", got, want)
	}
}

func wantSpent(t *testing.T, a *agent, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := a.spent(); !slices.Equal(got, want) {
		t.Errorf("spent %q, want %q", got, want)
	}
}

// allowed fails unless a call was answered by LeadMagic.
func allowed(t *testing.T, a *agent, id string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); got.refused {
		t.Errorf("refused with %q", got.text)
	}
}

// denied fails unless a call was refused for a reason.
func denied(t *testing.T, a *agent, id, why string) {
	t.Helper()
	if got := readOutcome(t, <-a.answer(id)); !got.refused || !strings.Contains(got.text, why) || strings.Contains(got.text, "outcome is unknown") {
		t.Errorf("got %q, want %q", got.text, why)
	}
}

const said1 = `{"structuredContent":{"credits_consumed":1}}`
