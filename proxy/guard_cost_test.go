package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestGuardReadsWhatAResultHasCost(t *testing.T) {
	text := func(s string) string { return `{"content":[{"type":"text","text":` + quoted(s) + `}]}` }
	tests := []struct {
		name   string
		result string
		want   float64
		found  bool
	}{
		{"in structured content", `{"structuredContent":{"email":"a","credits_consumed":1}}`, 1, true},
		{"as text that is a number", `{"structuredContent":{"credits_consumed":" 0.25 "}}`, 0.25, true},
		{"as text with its unit", `{"structuredContent":{"credits_consumed":"2 credits"}}`, 2, true},
		{"as text with its unit, for one", `{"structuredContent":{"credits_consumed":"1 Credit"}}`, 1, true},
		{"nothing for a miss", `{"structuredContent":{"credits_consumed":0}}`, 0, true},
		{"nested", `{"structuredContent":{"data":{"cost":{"credits_consumed":3}}}}`, 3, true},
		{"as JSON in the text", text(`{"email":null,"credits_consumed":0.05}`), 0.05, true},
		{"as JSON among words in the text", text("Found it:\n```json\n{\"credits_consumed\": 4}\n```\n"), 4, true},
		{"as JSON in an embedded resource", `{"content":[{"type":"resource","resource":{"uri":"a:b","text":"{\"credits_consumed\":5}"}}]}`, 5, true},
		{"in _meta", `{"content":[],"_meta":{"credits_consumed":2}}`, 2, true},
		{"beside the content", `{"content":[],"credits_consumed":2}`, 2, true},
		{"the same in both forms counts once", `{"structuredContent":{"credits_consumed":1},"content":[{"type":"text","text":"{\"credits_consumed\":1}"}]}`, 1, true},
		{"the sum of the rows of a batch", `{"structuredContent":{"rows":[{"credits_consumed":1},{"credits_consumed":"0.5"},{"row":{"credits_consumed":0}}]}}`, 1.5, true},
		{"a total is not added to its rows", `{"structuredContent":{"credits_consumed":2,"rows":[{"credits_consumed":1},{"credits_consumed":1}]}}`, 2, true},
		{"rows stand for a total that is null", `{"structuredContent":{"credits_consumed":null,"rows":[{"credits_consumed":1}]}}`, 1, true},
		{"several texts add up", `{"content":[{"text":"{\"credits_consumed\":1}"},{"text":"and"},{"text":"{\"credits_consumed\":2}"}]}`, 3, true},
		{"small costs add up exactly", text(`[` + strings.Repeat(`{"credits_consumed":0.05},`, 19) + `{"credits_consumed":0.05}]`), 1, true},
		{"one row that cannot be read spoils the sum", `{"structuredContent":[{"credits_consumed":1},{"credits_consumed":"some"}]}`, 0, false},
		{"less than nothing is no cost", `{"structuredContent":{"credits_consumed":-1}}`, 0, false},
		{"too much is no cost", `{"structuredContent":{"credits_consumed":1e300}}`, 0, false},
		{"infinity is no cost", `{"structuredContent":{"credits_consumed":"inf"}}`, 0, false},
		{"no number is no cost", `{"structuredContent":{"credits_consumed":"NaN"}}`, 0, false},
		{"hexadecimal is no cost", `{"structuredContent":{"credits_consumed":"0x10"}}`, 0, false},
		{"a boolean is no cost", `{"structuredContent":{"credits_consumed":true}}`, 0, false},
		{"not said", `{"structuredContent":{"email":"a"},"content":[{"type":"text","text":"1 credit"}]}`, 0, false},
		{"said in words alone", text("credits_consumed: 1"), 0, false},
		{"said in a value", `{"structuredContent":{"note":"credits_consumed"}}`, 0, false},
		{"too deep to look", `{"structuredContent":` + strings.Repeat(`[`, 5_000) + `{"credits_consumed":1}` + strings.Repeat(`]`, 5_000) + `}`, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := fmt.Sprintf("priced %v stated", tt.want)
			if !tt.found {
				want = "priced 2 worst case"
			}
			spends(t, "priced", func(w http.ResponseWriter, m rpc) { answer(w, m, tt.result) }, want)
		})
	}
}

// spends fails unless a call that is answered so is counted as want.
func spends(t *testing.T, tool string, how func(w http.ResponseWriter, m rpc), want string) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		o := newOffice(t)
		o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
			switch {
			case m.Method == "tools/list":
				answer(w, m, `{"tools":[{"name":"check_credits"},{"name":"odd"}]}`)
			case m.Method != "tools/call":
				return false
			case toolOf(m) == "check_credits":
				answer(w, m, `{"structuredContent":{"credits":100}}`)
			default:
				how(w, m)
			}
			return true
		}
		a := employ(t, "legacy", o.remote(), &Guard{})
		a.call(tool, "{}")
		a.leave()
		wantSpent(t, a, want)
	})
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestGuardCountsAnAnswer(t *testing.T) {
	result := func(s string) func(http.ResponseWriter, rpc) {
		return func(w http.ResponseWriter, m rpc) { answer(w, m, s) }
	}
	fails := func(code, message string) func(http.ResponseWriter, rpc) {
		return func(w http.ResponseWriter, m rpc) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":%q}}`, m.ID, code, message)
		}
	}
	status := func(code int) func(http.ResponseWriter, rpc) {
		return func(w http.ResponseWriter, _ rpc) { w.WriteHeader(code) }
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, rpc)
		want   string // what a call of find_mobile_number costs, of which the worst case is 5
	}{
		{"what LeadMagic says", result(`{"structuredContent":{"credits_consumed":1}}`), "1 stated"},
		{"more than the worst case, if LeadMagic says so", result(`{"structuredContent":{"credits_consumed":7}}`), "7 stated"},
		{"the worst case when it does not say", result(`{"content":[]}`), "5 worst case"},
		{"the worst case when it says something else", result(`{"structuredContent":{"credits_consumed":"a few"}}`), "5 worst case"},
		{"what the REST upstream says", result(`{"_meta":{"` + UsageKey + `":{"creditsUsed":2,"creditsLeft":3}},"structuredContent":{"credits_consumed":9}}`), "2 stated"},
		{"what the REST upstream says of a refusal", result(`{"isError":true,"_meta":{"` + UsageKey + `":{"creditsUsed":0}}}`), "0 stated"},
		{"the worst case when the REST upstream does not know", result(`{"isError":true,"content":[],"_meta":{"` + UsageKey + `":{"requestId":"r"}}}`), "5 worst case"},
		{"nothing for a refusal of the tool's", result(`{"isError":true,"content":[{"type":"text","text":"domain is required"}]}`), "0 refused"},
		{"what a refusal of the tool's says", result(`{"isError":true,"content":[{"type":"text","text":"{\"credits_consumed\":1}"}]}`), "1 stated"},
		{"the worst case for a failure inside the tool", result(`{"isError":true,"content":[{"type":"text","text":"upstream said 503"}]}`), "5 worst case"},
		{"the worst case for a tool that timed out", result(`{"isError":true,"content":[{"type":"text","text":"Request timed out"}]}`), "5 worst case"},
		{"nothing while the tool asks back", result(`{"resultType":"input_required","inputRequests":{}}`), "0 refused"},
		{"nothing for arguments that the server refuses", fails("-32602", "Unknown tool"), "0 refused"},
		{"nothing for a method that is not there", fails("-32601", "no"), "0 refused"},
		{"the worst case for an error inside the server", fails("-32603", "Internal error"), "5 worst case"},
		{"the worst case for any other error", fails("-32000", "oh"), "5 worst case"},
		{"nothing when LeadMagic refused", status(403), "0 refused"},
		{"nothing when LeadMagic knows no such call", status(404), "0 refused"},
		{"nothing when there are no credits", status(402), "0 refused"},
		{"the worst case when LeadMagic failed", status(500), "5 worst case"},
		{"the worst case for an answer that is none", status(204), "5 worst case"},
		{"the worst case when the connection breaks", func(http.ResponseWriter, rpc) { abort() }, "5 worst case"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { spends(t, "find_mobile_number", tt.answer, "find_mobile_number "+tt.want) })
		if strings.HasSuffix(tt.want, "worst case") {
			t.Run(tt.name+", of unknown cost", func(t *testing.T) { spends(t, "odd", tt.answer, "odd 0 unknown") })
		}
	}
}

func TestCreditsAreExact(t *testing.T) {
	tests := []struct {
		f    float64
		want string
	}{
		{0.05, "0.05"},
		{0.1 + 0.2, "0.3"},
		{1e-9, "0.000001"}, // something is not nothing
		{0, "0"},
		{15432.5, "15432.5"},
		{1e300, "1000000000"},
	}
	for _, tt := range tests {
		if got := toCredits(tt.f).String(); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.f, got, tt.want)
		}
	}
}
