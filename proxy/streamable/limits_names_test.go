package streamable_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

const namedTwice = `"error":{"code":-32600,"message":"the message names a member twice, or in other letters than the protocol has; it was not sent"}}`

// limits are one guard for each setting that limits a session.
var limits = map[string]func() *limit{
	"--tools":         func() *limit { return &limit{Tools: []string{"check_credits"}} },
	"--exclude-tools": func() *limit { return &limit{Exclude: []string{"find_*"}} },
	"--read-only":     func() *limit { return &limit{ReadOnly: true} },
	"--max-credits":   func() *limit { return &limit{MaxCredits: 1, Cost: prices} },
}

// limit is the settings of a Filter and a Budget.
type limit struct {
	Tools, Exclude []string
	ReadOnly       bool
	MaxCredits     float64
	Cost           func(tool string, arguments []byte) (credits problem.Credits, known bool)
	Spent          func(proxy.SpentCall)
}

// around is up within the limit.
func (l *limit) around(up proxy.Upstream) proxy.Upstream {
	switch {
	case l == nil:
		return up
	case l.MaxCredits > 0 || l.Spent != nil:
		up = &proxy.Budget{Next: up, Limit: problem.ToCredits(l.MaxCredits), Price: l.Cost, Spent: l.Spent}
	}
	if l.ReadOnly || l.MaxCredits > 0 || len(l.Tools)+len(l.Exclude) > 0 {
		up = &proxy.Filter{Next: up, Tools: l.Tools, Exclude: l.Exclude, ReadOnly: l.ReadOnly, Log: slog.New(slog.DiscardHandler)}
	}
	return up
}

// prices are the worst cases of the tools that the tests call.
func prices(tool string, _ []byte) (problem.Credits, bool) {
	cost, known := map[string]problem.Credits{"check_credits": 0, "find_work_email": problem.Credit}[tool]
	return cost, known
}

// guarded is a session with a limit, in which LeadMagic lists one free tool and one that costs.
func (o *fakeServer) guarded(mode string, g *limit) *proxytest.Editor {
	o.t.Helper()
	o.on("tools/list", func(w http.ResponseWriter, _ *http.Request, m rpc) {
		answer(w, m, `{"tools":[{"name":"check_credits","annotations":{"readOnlyHint":true}},{"name":"find_work_email"}]}`)
	})
	d := openEditor(o.t, g.around(o.remote()))
	if mode == "session" {
		d.Write(strings.Replace(hello, "2025-06-18", "2025-03-26", 1))
		d.Want(`"id":0`)
		synctest.Wait()
	}
	return d
}

// A message that some parsers read otherwise than the guard does is not sent while there is a limit.
func TestALimitHoldsForMessagesThatCanBeReadInTwoWays(t *testing.T) {
	const call = `"params":{"name":"find_work_email","arguments":{}}`
	lines := map[string]string{
		"a method in capitals":                         `{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call",` + call + `}`,
		"a method in capitals before the other":        `{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","method":"ping",` + call + `}`,
		"a method with one capital":                    `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call",` + call + `}`,
		"a method twice":                               `{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping",` + call + `}`,
		"a method twice, once with an escape":          `{"jsonrpc":"2.0","id":1,"m\u0065thod":"tools/call","method":"ping",` + call + `}`,
		"a capital that is an escape":                  `{"jsonrpc":"2.0","id":1,"\u004dethod":"tools/call","method":"ping",` + call + `}`,
		"params twice":                                 `{"jsonrpc":"2.0","id":1,"method":"tools/call",` + call + `,"params":{"name":"check_credits"}}`,
		"other params in capitals":                     `{"jsonrpc":"2.0","id":1,"method":"tools/call","PARAMS":{"name":"find_work_email"},"params":{"name":"check_credits"}}`,
		"params with a long s":                         `{"jsonrpc":"2.0","id":1,"method":"tools/call","paramſ":{"name":"find_work_email"},"params":{"name":"check_credits"}}`,
		"params in capitals alone":                     `{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"find_work_email"}}`,
		"an id twice":                                  `{"jsonrpc":"2.0","id":2,"id":1,"method":"tools/call","params":{"name":"check_credits"}}`,
		"an id in capitals":                            `{"jsonrpc":"2.0","id":1,"ID":2,"method":"tools/call","params":{"name":"check_credits"}}`,
		"a version twice":                              `{"jsonrpc":"2.0","JSONRPC":"1.0","id":1,"method":"ping"}`,
		"a result in capitals":                         `{"jsonrpc":"2.0","id":1,"method":"ping","Result":{}}`,
		"a member that nobody knows, twice":            `{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"X":2}`,
		"a name twice":                                 `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_work_email","name":"check_credits"}}`,
		"a name in other letters beside it":            `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","Name":"find_work_email"}}`,
		"a name in other letters alone":                `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"NAME":"find_work_email"}}`,
		"a name twice, once with an escape":            `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","n\u0061me":"find_work_email"}}`,
		"the reserved tool behind another":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_work_email","name":"` + problem.StatusTool + `"}}`,
		"the reserved tool before another":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"find_work_email","name":"` + problem.StatusTool + `"}}`,
		"arguments twice":                              `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{},"arguments":{"a":1}}}`,
		"arguments in other letters":                   `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{},"Arguments":{"a":1}}}`,
		"an argument twice":                            `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"limit":1,"limit":100}}}`,
		"an argument in other letters beside itself":   `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"limit":1,"LIMIT":100}}}`,
		"an argument with a Kelvin sign":               `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"key":1,"` + "\u212a" + `ey":100}}}`,
		"a list in other letters":                      `{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call",` + call + `}`,
		"initialize with another method":               `{"jsonrpc":"2.0","id":1,"method":"initialize","METHOD":"tools/call","params":{"name":"find_work_email","protocolVersion":"2025-06-18"}}`,
		"a method of tomorrow with params that differ": `{"jsonrpc":"2.0","id":1,"method":"of/tomorrow","params":{"a":1,"A":2}}`,
	}
	silent := map[string]string{
		"a notification with a method in capitals": `{"jsonrpc":"2.0","method":"notifications/progress","METHOD":"tools/call",` + call + `}`,
		"a notification with params twice":         `{"jsonrpc":"2.0","method":"notifications/progress",` + call + `,"params":{}}`,
		"a notification with an id in capitals":    `{"jsonrpc":"2.0","ID":1,"method":"tools/call",` + call + `}`,
		"a cancellation with a method in capitals": `{"jsonrpc":"2.0","method":"notifications/cancelled","METHOD":"tools/call",` + call + `}`,
		"an answer with a method in capitals":      `{"jsonrpc":"2.0","id":1,"result":{},"METHOD":"tools/call",` + call + `}`,
		"an answer with two results":               `{"jsonrpc":"2.0","id":1,"result":{},"result":{}}`,
		"a tools/call without an id":               `{"jsonrpc":"2.0","method":"tools/call",` + call + `}`,
	}
	for setting, limit := range limits {
		t.Run(setting, func(t *testing.T) {
			for _, mode := range []string{"session", "stateless"} {
				t.Run(mode, func(t *testing.T) {
					inBubble(t, func(t *testing.T) {
						o := newFakeServer(t)
						d := o.guarded(mode, limit())
						before := len(o.log())
						for name, line := range lines {
							if mode == "stateless" {
								line = strings.Replace(line, `"params":{`, `"params":{`+statelessMeta+`,`, 1)
							}
							d.Write(line)
							if got, want := d.Next(), `{"jsonrpc":"2.0","id":1,`+namedTwice; got != want {
								t.Errorf("%s: the editor got %s, want %s", name, got, want)
							}
						}
						for _, line := range silent {
							d.Write(line)
						}
						alive(d)
						for _, seen := range o.log()[before:] {
							if !strings.HasPrefix(seen, "ping") {
								t.Errorf("LeadMagic got %s", seen)
							}
						}
						if mode == "session" {
							d.Write("[" + lines["a method in capitals"] + "," + silent["a notification with params twice"] + "," + ping(5) + "]")
							got := d.Next()
							if !strings.Contains(got, `{"jsonrpc":"2.0","id":1,`+namedTwice) || !strings.Contains(got, pong(5)) || strings.Count(got, `"jsonrpc"`) != 2 {
								t.Errorf("the batch was answered %s", got)
							}
						}
						d.WantNothing()
						d.End()
						if n := o.count("tools/call s1") + o.count("tools/call"); n != 0 {
							t.Errorf("%d calls reached LeadMagic", n)
						}
					})
				})
			}
		})
	}
}

// Without a limit nothing of this is looked at.
func TestWithoutALimitMembersMayStandTwice(t *testing.T) {
	for name, guard := range map[string]*limit{"no guard": nil, "a guard that only keeps account": {Cost: prices, Spent: func(proxy.SpentCall) {}}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				o := newFakeServer(t)
				d := o.guarded("session", guard)
				for _, line := range []string{
					`{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x","METHOD":"y"}`,
					`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b","name":"c"}}`,
				} {
					d.Write(line)
					if got := d.Next(); strings.Contains(got, "error") {
						t.Errorf("%s: the editor got %s", line, got)
					}
				}
				d.End()
			})
		})
	}
}

// What looks alike and is not: nothing of it is refused for its names.
func TestALimitLeavesOtherMessagesAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		d := o.guarded("session", &limit{Exclude: []string{"find_*"}})
		for _, line := range []string{
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"name":"a","Arguments":1,"method":"b","ID":7}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"list":[{"a":1,"A":2}]}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_credits","arguments":{"ss":1,"ß":2}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"of/tomorrow","x":{"a":1,"A":2},"params":{"b":{"c":1,"C":1}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"of/tomorrow","params":[{"a":1,"A":1}]}`,
		} {
			d.Write(line)
			if got := d.Next(); strings.Contains(got, "error") || strings.Contains(got, "isError") {
				t.Errorf("%s: the editor got %s", line, got)
			}
		}
		d.End()
	})
}

// A tool of LeadMagic's that has the name of the proxy's own is gone before anything reads it, on each page.
func TestAToolWithTheReservedNameIsDropped(t *testing.T) {
	const good = `{"name":"check_credits","annotations":{"readOnlyHint":true},"inputSchema":{}}`
	pages := map[string]string{
		"alone":                    `[{"name":"leadmagic_status","description":"not ours"}]`,
		"first":                    `[{"name":"leadmagic_status"},` + good + `]`,
		"last":                     `[` + good + `,{"description":"not ours","name":"leadmagic_status"}]`,
		"with an escape":           `[` + good + `,{"name":"leadmagic\u005fstatus"}]`,
		"with a name that differs": `[` + good + `,{"name":"leadmagic_status","name":"x"},{"name":"x","Name":"leadmagic_status"}]`,
		"with an invalid header":   `[{"name":"leadmagic_status","inputSchema":{"x-mcp-header":7}},` + good + `]`,
	}
	for name, list := range pages {
		for _, where := range []string{"on the only page", "on the second page"} {
			t.Run(name+" "+where, func(t *testing.T) {
				inBothModes(t, func(t *testing.T, mode string, o *fakeServer, _ func() *proxytest.Editor) {
					d := o.guarded(mode, &limit{ReadOnly: true})
					o.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
						switch {
						case m.Method != "tools/list":
							return false
						case where == "on the second page" && !strings.Contains(string(m.Params), `"cursor":"2"`):
							answer(w, m, `{"tools":[`+good+`],"nextCursor":"2"}`)
						default:
							answer(w, m, `{"tools":`+list+`}`)
						}
						return true
					}
					d.Write(asking(mode, "1", "tools/list", ""))
					got := d.Next()
					if strings.Contains(got, "leadmagic") || strings.Contains(got, "not ours") {
						t.Errorf("the list is %s", got)
					}
					if name != "alone" || where == "on the second page" {
						if !strings.Contains(got, good) {
							t.Errorf("the list is %s, want the other tool too", got)
						}
						// A list that has the tool is not taken for the proxy's own: what it says of the other holds.
						before := o.count("tools/list s1") + o.count("tools/list")
						d.Write(asking(mode, "2", "tools/call", `"name":"check_credits"`))
						if got := d.Next(); strings.Contains(got, "isError") {
							t.Errorf("the other tool is answered %s", got)
						}
						if after := o.count("tools/list s1") + o.count("tools/list"); after != before {
							t.Error("the tools were listed again")
						}
					}
					d.End()
				})
			})
		}
	}
}
