package proxy

import (
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func TestBudgetReadsWhatAResultHasCost(t *testing.T) {
	text := func(s string) string { return `{"content":[{"type":"text","text":` + string(jsonrpc.Quote(s)) + `}]}` }
	nested := func(member string, levels int) string {
		return `{"` + member + `":` + strings.Repeat("[", levels) + `{"credits_consumed":1}` + strings.Repeat("]", levels) + `}`
	}
	tests := []struct {
		name   string
		result string
		want   problem.Credits
		found  bool
	}{
		{"in structured content", `{"structuredContent":{"email":"a","credits_consumed":1}}`, problem.Credit, true},
		{"as text that is a number", `{"structuredContent":{"credits_consumed":" 0.25 "}}`, problem.Credit / 4, true},
		{"as text with its unit", `{"structuredContent":{"credits_consumed":"2 credits"}}`, 2 * problem.Credit, true},
		{"as text with its unit, for one", `{"structuredContent":{"credits_consumed":"1 Credit"}}`, problem.Credit, true},
		{"nothing for a miss", `{"structuredContent":{"credits_consumed":0}}`, 0, true},
		{"nested", `{"structuredContent":{"data":{"cost":{"credits_consumed":3}}}}`, 3 * problem.Credit, true},
		{"as JSON in the text", text(`{"email":null,"credits_consumed":0.05}`), problem.Credit / 20, true},
		{"as JSON among words in the text", text("Found it:\n```json\n{\"credits_consumed\": 4}\n```\n"), 4 * problem.Credit, true},
		{"as JSON in an embedded resource", `{"content":[{"type":"resource","resource":{"uri":"a:b","text":"{\"credits_consumed\":5}"}}]}`, 5 * problem.Credit, true},
		{"in _meta", `{"content":[],"_meta":{"credits_consumed":2}}`, 2 * problem.Credit, true},
		{"beside the content", `{"content":[],"credits_consumed":2}`, 2 * problem.Credit, true},
		{"the same in both forms counts once", `{"structuredContent":{"credits_consumed":1},"content":[{"type":"text","text":"{\"credits_consumed\":1}"}]}`, problem.Credit, true},
		{"the sum of the rows of a batch", `{"structuredContent":{"rows":[{"credits_consumed":1},{"credits_consumed":"0.5"},{"row":{"credits_consumed":0}}]}}`, problem.Credit * 3 / 2, true},
		{"a total is not added to its rows", `{"structuredContent":{"credits_consumed":2,"rows":[{"credits_consumed":1},{"credits_consumed":1}]}}`, 2 * problem.Credit, true},
		{"rows stand for a total that is null", `{"structuredContent":{"credits_consumed":null,"rows":[{"credits_consumed":1}]}}`, problem.Credit, true},
		{"several texts add up", `{"content":[{"text":"{\"credits_consumed\":1}"},{"text":"and"},{"text":"{\"credits_consumed\":2}"}]}`, 3 * problem.Credit, true},
		{"small costs add up exactly", text(`[` + strings.Repeat(`{"credits_consumed":0.05},`, 19) + `{"credits_consumed":0.05}]`), problem.Credit, true},
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
		{"as deep as it is looked for", nested("structuredContent", 32), problem.Credit, true},
		{"one level too deep", nested("structuredContent", 33), 0, false},
		{"as deep in a text", text(strings.Repeat("[", 32) + `{"credits_consumed":1}` + strings.Repeat("]", 32)), problem.Credit, true},
		{"one level too deep in a text", text(strings.Repeat("[", 33) + `{"credits_consumed":1}` + strings.Repeat("]", 33)), 0, false},
		{"as deep elsewhere", nested("_meta", 32), problem.Credit, true},
		{"one level too deep elsewhere", nested("_meta", 33), 0, false},
		{"as deep in objects", `{"structuredContent":` + strings.Repeat(`{"a":`, 32) + `{"credits_consumed":1}` + strings.Repeat("}", 32) + `}`, problem.Credit, true},
		{"one level too deep in objects", `{"structuredContent":` + strings.Repeat(`{"a":`, 33) + `{"credits_consumed":1}` + strings.Repeat("}", 33) + `}`, 0, false},
		{"too deep to look", `{"structuredContent":` + strings.Repeat(`[`, 100_000) + `{"credits_consumed":1}` + strings.Repeat(`]`, 100_000) + `}`, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := statedCredits([]byte(tt.result))
			if found != tt.found || found && got != tt.want {
				t.Errorf("got %v, %v; want %v, %v", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestBudgetReadsTheBalance(t *testing.T) {
	tests := []struct {
		name   string
		result string
		want   problem.Credits
		found  bool
	}{
		{"a number", `{"structuredContent":{"credits":15432.5}}`, 154325 * problem.Credit / 10, true},
		{"a text", `{"structuredContent":{"credits":"15432.50"}}`, 154325 * problem.Credit / 10, true},
		{"JSON in a text", `{"content":[{"type":"text","text":"{\"credits\":7}"}]}`, 7 * problem.Credit, true},
		{"the first of two texts that have one", `{"content":[{"text":"{\"plan\":\"a\"}"},{"text":"{\"credits\":7}"},{"text":"{\"credits\":9}"}]}`, 7 * problem.Credit, true},
		{"less than nothing", `{"structuredContent":{"credits":-2}}`, -2 * problem.Credit, true},
		{"a header of the REST API", `{"_meta":{"` + problem.UsageKey + `":{"creditsLeft":9}},"structuredContent":{}}`, 9 * problem.Credit, true},
		{"a header of the REST API that says something else", `{"_meta":{"` + problem.UsageKey + `":{"creditsUsed":9}}}`, 0, false},
		{"not there", `{"structuredContent":{"balance":"plenty"}}`, 0, false},
		{"a report", `{"structuredContent":{"credits":{"current":5}}}`, 0, false},
		{"a refusal", `{"isError":true,"structuredContent":{"credits":5}}`, 0, false},
		{"nothing at all", ``, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := statedBalance([]byte(tt.result))
			if got != tt.want || found != tt.found {
				t.Errorf("got %v, %v; want %v, %v", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestBudgetCountsAnAnswer(t *testing.T) {
	result := func(s string) *jsonrpc.Message { return compose(`{"jsonrpc":"2.0","id":1,"result":` + s + `}`) }
	fails := func(code, message string) *jsonrpc.Message {
		return compose(`{"jsonrpc":"2.0","id":1,"error":{"code":` + code + `,"message":"` + message + `"}}`)
	}
	gone := func(outcome problem.Outcome) *jsonrpc.Message {
		p := problem.New(problem.Failed, outcome, "it did not work", "")
		p.RequestID = "req_1"
		return jsonrpc.Failed(&jsonrpc.Message{ID: []byte("1")}, p)
	}
	tests := []struct {
		name   string
		answer *jsonrpc.Message
		want   problem.Credits
		basis  Basis
	}{
		{"what LeadMagic says", result(`{"structuredContent":{"credits_consumed":1}}`), problem.Credit, Stated},
		{"more than the worst case, if LeadMagic says so", result(`{"structuredContent":{"credits_consumed":7}}`), 7 * problem.Credit, Stated},
		{"the worst case when it does not say", result(`{"content":[]}`), 5 * problem.Credit, WorstCase},
		{"the worst case when it says something else", result(`{"structuredContent":{"credits_consumed":"a few"}}`), 5 * problem.Credit, WorstCase},
		{"what the REST upstream says", result(`{"_meta":{"` + problem.UsageKey + `":{"creditsUsed":2,"creditsLeft":3}},"structuredContent":{"credits_consumed":9}}`), 2 * problem.Credit, Stated},
		{"what the REST upstream says of a refusal", result(`{"isError":true,"_meta":{"` + problem.UsageKey + `":{"creditsUsed":0}}}`), 0, Stated},
		{"the worst case when the REST upstream does not know", result(`{"isError":true,"content":[],"_meta":{"` + problem.UsageKey + `":{"requestId":"r"}}}`), 5 * problem.Credit, WorstCase},
		{"nothing for a refusal of the tool's", result(`{"isError":true,"content":[{"type":"text","text":"domain is required"}]}`), 0, Refused},
		{"what a refusal of the tool's says", result(`{"isError":true,"content":[{"type":"text","text":"{\"credits_consumed\":1}"}]}`), problem.Credit, Stated},
		{"the worst case for a failure inside the tool", result(`{"isError":true,"content":[{"type":"text","text":"upstream said 503"}]}`), 5 * problem.Credit, WorstCase},
		{"the worst case for a tool that timed out", result(`{"isError":true,"content":[{"type":"text","text":"Request timed out"}]}`), 5 * problem.Credit, WorstCase},
		{"nothing while the tool asks back", result(`{"resultType":"input_required","inputRequests":{}}`), 0, Refused},
		{"nothing for arguments that the server refuses", fails("-32602", "Unknown tool"), 0, Refused},
		{"nothing for a method that is not there", fails("-32601", "no"), 0, Refused},
		{"the worst case for an error inside the server", fails("-32603", "Internal error"), 5 * problem.Credit, WorstCase},
		{"the worst case for any other error", fails("-32000", "oh"), 5 * problem.Credit, WorstCase},
		{"nothing when nothing was sent", gone(problem.NotSent), 0, Refused},
		{"nothing when LeadMagic refused", gone(problem.Refused), 0, Refused},
		{"the worst case when nobody knows", gone(problem.Unknown), 5 * problem.Credit, WorstCase},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := costOf(&reservation{worst: 5 * problem.Credit, known: true}, tt.answer)
			if got.Credits != tt.want || got.Basis != tt.basis {
				t.Errorf("got %v %s, want %v %s", got.Credits, got.Basis, tt.want, tt.basis)
			}
			if unknown := costOf(&reservation{}, tt.answer); tt.basis == WorstCase && (unknown.Basis != Unknown || unknown.Credits != 0) {
				t.Errorf("without a worst case: got %v %s", unknown.Credits, unknown.Basis)
			}
		})
	}
}
