package streamable_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

// A till is a LeadMagic with a balance, over HTTP: each call of the tool of unknown cost brings the next balance.
type till struct {
	mu       sync.Mutex
	balances []string // results of check_credits, in order; the last one stays
	called   int      // the tool of unknown cost
}

func (l *till) post(w http.ResponseWriter, _ *http.Request, m rpc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case m.Method == "tools/list":
		answer(w, m, `{"tools":[{"name":"check_credits"},{"name":"odd"}]}`)
	case m.Method != "tools/call":
		return false
	case strings.Contains(string(m.Params), `"name":"check_credits"`):
		answer(w, m, l.balances[0])
		if len(l.balances) > 1 {
			l.balances = l.balances[1:]
		}
	default:
		l.called++
		answer(w, m, `{"content":[]}`)
	}
	return true
}

// A call of unknown cost is sent only if the balance before it can be read, and costs what the balance went down by.
func TestTheBalanceIsReadAsJSONHasNumbers(t *testing.T) {
	structured := func(value string) string { return `{"structuredContent":{"credits":` + value + `}}` }
	tests := []struct {
		name, before, after string
		spent               string // empty if the call is not sent
	}{
		{"a number", structured("100"), structured("97.5"), "odd 2.5 measured"},
		{"a number with an exponent", structured("1e2"), structured("9.5e1"), "odd 5 measured"},
		{"a number with an exponent in a capital", structured("1E2"), structured("9.5E+1"), "odd 5 measured"},
		{"a number with a negative exponent", structured("1000E-1"), structured("97"), "odd 3 measured"},
		{"a text", structured(`"100.00"`), structured(`"98.00"`), "odd 2 measured"},
		{"a text with an exponent in a capital", structured(`"1E2"`), structured(`"98"`), "odd 2 measured"},
		{"a text with its unit", structured(`"100 credits"`), structured(`"1 credit"`), "odd 99 measured"},
		{"JSON in a text", `{"content":[{"type":"text","text":"{\"credits\":100}"}]}`, structured("99"), "odd 1 measured"},
		{"less than nothing", structured("-2"), structured("-4"), "odd 2 measured"},
		{"in the account of an upstream of ours", `{"_meta":{"` + problem.UsageKey + `":{"creditsLeft":9}},"structuredContent":{}}`, structured("8"), "odd 1 measured"},
		{"no number", structured(`"NaN"`), "", ""},
		{"no number in small letters", structured(`"nan"`), "", ""},
		{"infinity", structured(`"Inf"`), "", ""},
		{"infinity in full", structured(`"+infinity"`), "", ""},
		{"hexadecimal", structured(`"0x1p4"`), "", ""},
		{"hexadecimal in capitals", structured(`"0X1P4"`), "", ""},
		{"digits in groups", structured(`"1_000"`), "", ""},
		{"more than there can be", structured(`1e300`), "", ""},
		{"a word", structured(`"plenty"`), "", ""},
		{"an empty text", structured(`""`), "", ""},
		{"true", structured("true"), "", ""},
		{"null", structured("null"), "", ""},
		{"an object", structured(`{"current":5}`), "", ""},
		{"a refusal", `{"isError":true,"structuredContent":{"credits":5}}`, "", ""},
		{"nothing", `{}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothModes(t, func(t *testing.T, mode string, o *fakeServer, _ func() *proxytest.Editor) {
				l := &till{balances: []string{tt.before, tt.after}}
				spent := make(chan string, 10)
				g := &limit{MaxCredits: 1000, Cost: prices, Spent: func(s proxy.SpentCall) { spent <- fmt.Sprintf("%s %v %s", s.Tool, s.Credits, s.Basis) }}
				d := o.guarded(mode, g)
				o.post = l.post
				d.Write(asking(mode, "1", "tools/call", `"name":"odd"`))
				got := d.Next()
				if sent := !strings.Contains(got, "isError"); sent != (tt.spent != "") || sent != (l.called == 1) {
					t.Errorf("the editor got %s; %d calls were sent", got, l.called)
				}
				if tt.spent == "" && !strings.Contains(got, "the call was not sent, since what") {
					t.Errorf("the editor got %s", got)
				}
				if tt.spent != "" {
					if got := <-spent; got != tt.spent {
						t.Errorf("got %s, want %s", got, tt.spent)
					}
				}
				d.End()
			})
		})
	}
}
