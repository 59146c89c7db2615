package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

const ada = `{"full_name":"Ada Lovelace","domain":"analytical.example"}`

func TestGuardHidesToolsFromListsAndCalls(t *testing.T) {
	tests := []struct {
		name    string
		guard   *Guard   // a pattern for one guard a session
		shown   []string // some of what the list has
		gone    []string // some of what it has not
		allowed [2]string
		refused [2]string
		why     string
	}{
		{
			"only what --tools names is there",
			&Guard{Tools: []string{" find_* ", "check_credits"}},
			[]string{"find_work_email", "check_credits"},
			[]string{"enrich_company", "get_account_analytics"},
			[2]string{"find_work_email", ada},
			[2]string{"enrich_company", `{"company_domain":"acme.example"}`},
			`the tool "enrich_company" is not among those that --tools (LEADMAGIC_TOOLS) allows`,
		},
		{
			"what --exclude-tools names is not there",
			&Guard{Exclude: []string{"find_[a-m]*", "enrich_*"}},
			[]string{"find_work_email", "check_credits"},
			[]string{"find_mobile_number", "find_company_funding", "enrich_company"},
			[2]string{"find_work_email", ada},
			[2]string{"find_mobile_number", `{"work_email":"ada@analytical.example"}`},
			`the tool "find_mobile_number" is hidden by --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)`,
		},
		{
			"--exclude-tools wins over --tools",
			&Guard{Tools: []string{"find_*"}, Exclude: []string{"*mobile*"}},
			[]string{"find_work_email"},
			[]string{"find_mobile_number", "check_credits"},
			[2]string{"find_work_email", ada},
			[2]string{"find_mobile_number", `{"work_email":"ada@analytical.example"}`},
			`the tool "find_mobile_number" is hidden by --exclude-tools`,
		},
		{
			"a tool under another name is not a way around --exclude-tools",
			&Guard{Exclude: []string{"b2b_profile_to_work_email"}},
			[]string{"find_work_email"},
			[]string{"b2b_profile_to_work_email"},
			[2]string{"find_work_email", ada},
			[2]string{"linkedin_profile_to_work_email", `{"profile_url":"ada"}`},
			`LeadMagic does not list the tool "linkedin_profile_to_work_email"`,
		},
		{
			"--read-only leaves what is annotated so",
			&Guard{ReadOnly: true},
			[]string{"check_credits", "get_account_analytics"},
			[]string{"find_work_email", "enrich_company"},
			[2]string{"check_credits", `{}`},
			[2]string{"find_work_email", ada},
			`the tool "find_work_email" is hidden by --read-only (LEADMAGIC_READ_ONLY)`,
		},
		{
			"--read-only and patterns hold together",
			&Guard{ReadOnly: true, Tools: []string{"get_*", "find_work_email"}},
			[]string{"get_account_analytics"},
			[]string{"check_credits", "find_work_email"},
			[2]string{"get_account_analytics", `{}`},
			[2]string{"find_work_email", ada},
			`the tool "find_work_email" is hidden by --read-only`,
		},
		{
			"an empty pattern matches nothing",
			&Guard{Tools: []string{" "}},
			nil,
			[]string{"find_work_email", "check_credits"},
			[2]string{StatusTool, `{}`},
			[2]string{"check_credits", `{}`},
			`the tool "check_credits" is not among those that --tools (LEADMAGIC_TOOLS) allows`,
		},
		{
			"a pattern that cannot be read hides",
			&Guard{Exclude: []string{"["}},
			nil,
			[]string{"find_work_email", "check_credits"},
			[2]string{StatusTool, `{}`},
			[2]string{"check_credits", `{}`},
			`the tool "check_credits" is hidden by --exclude-tools`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				for _, first := range []string{"tools/list", "tools/call"} {
					t.Run(first+" comes first", func(t *testing.T) {
						s := startSandbox(t, faults.Options{})
						guard := Guard{Tools: tt.guard.Tools, Exclude: tt.guard.Exclude, ReadOnly: tt.guard.ReadOnly}
						a := employ(t, w.era, upstreamTo(t, w, s), &guard)
						list := func() {
							names := toolNames(t, a.ask("tools/list", "{}"))
							for _, name := range tt.shown {
								if !slices.Contains(names, name) {
									t.Errorf("%s is not listed, there are %v", name, names)
								}
							}
							for _, name := range tt.gone {
								if slices.Contains(names, name) {
									t.Errorf("%s is listed", name)
								}
							}
						}
						if first == "tools/list" {
							list()
						}
						got := a.call(tt.refused[0], tt.refused[1])
						if !got.refused || !strings.Contains(got.text, tt.why) || !strings.Contains(got.text, "the call was not sent") {
							t.Errorf("the hidden tool: got %q, want a refusal with %q", got.text, tt.why)
						}
						if modern := strings.Contains(got.line, `"resultType":"complete"`); modern != (w.era == "modern") {
							t.Errorf("resultType does not fit the %s era: %s", w.era, got.line)
						}
						if tt.allowed[0] != StatusTool {
							if got := a.call(tt.allowed[0], tt.allowed[1]); got.refused {
								t.Errorf("the tool that is there: got %q", got.text)
							}
						}
						if first == "tools/call" {
							list()
						}
						a.leave()
						for _, call := range s.Calls() {
							if call.Tool != tt.allowed[0] {
								t.Errorf("%s was carried out", call.Tool)
							}
						}
						if n := reached(s, tt.refused[1]); n > 0 && tt.refused[1] != "{}" {
							t.Errorf("the refused call reached LeadMagic")
						}
					})
				}
			})
		})
	}
}

func TestGuardCutsAListAndChangesNoOtherByte(t *testing.T) {
	eachEra(t, func(t *testing.T, era string) {
		for _, paged := range []int{0, 3} {
			t.Run(fmt.Sprintf("pages of %d", paged), func(t *testing.T) {
				s := startSandbox(t, faults.Options{PageSize: paged})
				w := way{era, "mcp"}
				whole := employ(t, era, upstreamTo(t, w, s), nil).ask("tools/list", "{}")
				cut := employ(t, era, upstreamTo(t, w, s), &Guard{Tools: []string{"find_*"}}).ask("tools/list", "{}")
				want := whole
				var all struct {
					Result struct{ Tools []json.RawMessage }
				}
				if err := json.Unmarshal([]byte(whole), &all); err != nil {
					t.Fatal(err)
				}
				for i, tool := range all.Result.Tools {
					if !strings.HasPrefix(toolNames(t, whole)[i], "find_") {
						want = strings.Replace(want, string(tool)+",", "", 1)
						want = strings.Replace(want, ","+string(tool)+"]", "]", 1)
					}
				}
				if cut != want {
					t.Errorf("got %s\nwant %s", cut, want)
				}
				if len(toolNames(t, cut)) < 5 {
					t.Errorf("only %v are left", toolNames(t, cut))
				}
			})
		}
	})
}

func TestGuardThatHidesNothingLeavesListsAlone(t *testing.T) {
	eachEra(t, func(t *testing.T, era string) {
		s := startSandbox(t, faults.Options{})
		want := employ(t, era, upstreamTo(t, way{era, "mcp"}, s), nil).ask("tools/list", "{}")
		got := employ(t, era, upstreamTo(t, way{era, "mcp"}, s), &Guard{Exclude: []string{"nothing_is_called_so"}}).ask("tools/list", "{}")
		if got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestGuardThatOnlyKeepsAccountLeavesCallsAlone(t *testing.T) {
	// Each would be refused or dropped if anything had a limit.
	lines := []string{
		`{"jsonrpc":"2.0","id":"twice","method":"tools/call","params":{"name":"find_work_email","name":"check_credits"}}`,
		`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"find_work_email"}}`,
	}
	o := newOffice(t)
	a := employ(t, "legacy", o.remote(), &Guard{})
	for _, line := range lines {
		a.say(line)
	}
	<-a.answer(`"twice"`)
	a.ask("ping", "{}")
	if got, want := o.called(), []string{"check_credits", "find_work_email"}; !slices.Equal(got, want) {
		t.Errorf("LeadMagic got %q, want %q", got, want)
	}
}

func TestGuardPatternsThatHideEverything(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		a := employ(t, w.era, upstreamTo(t, w, startSandbox(t, faults.Options{})), &Guard{Exclude: []string{"*"}})
		line := a.ask("tools/list", "{}")
		if !strings.Contains(line, `"tools":[]`) {
			t.Errorf("the list is %s", line)
		}
		if got := a.call("check_credits", "{}"); !got.refused {
			t.Errorf("a hidden tool answers %q", got.text)
		}
	})
}

func TestGuardNamesPatternsThatMatchNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := &Guard{Tools: []string{"find_*", "finds_*", "finds_*", ""}, Exclude: []string{"search_people", "serch_people"}}
		a := employ(t, w.era, upstreamTo(t, w, startSandbox(t, faults.Options{})), g)
		if got := g.Unmatched(); got != nil {
			t.Errorf("before any list: %q", got)
		}
		a.ask("tools/list", "{}")
		if got, want := g.Unmatched(), []string{"finds_*", "serch_people"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestGuardStarStandsForAnyCharacter(t *testing.T) {
	tests := []struct {
		pattern, tool string
		want          bool
	}{
		{"*", "a/b.c-d", true},
		{"a*c", "a/b/c", true},
		{"a?b", "a/b", true},
		{"a/*", "a/b", true},
		{"a[/]b", "a/b", true},
		{"Find_*", "find_work_email", false},
		{"find_*", "find_", true},
		{"*", "", true},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{"a[!b]", "ac", true},
		{"a[!b]", "ab", false},
		{"a[^b]", "ab", false},
		{`a\[!b`, "a[!b", true},
		{`\\[!b]`, `\c`, true},
	}
	for _, tt := range tests {
		if got, err := matches(tt.pattern, tt.tool); got != tt.want || err != nil {
			t.Errorf("%q and %q: got %v, %v", tt.pattern, tt.tool, got, err)
		}
	}
}

// A toolbox is a LeadMagic whose list of tools changes, over HTTP.
type toolbox struct {
	*office
	mu        sync.Mutex
	list      string
	announces bool // the answers to calls say first that the list has changed
}

func newToolbox(t *testing.T, list string) *toolbox {
	t.Helper()
	b := &toolbox{office: newOffice(t), list: list}
	b.post = func(w http.ResponseWriter, _ *http.Request, m rpc) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch {
		case m.Method == "tools/list":
			answer(w, m, `{"tools":[`+b.list+`]}`)
		case m.Method != "tools/call":
			return false
		case b.announces:
			stream(w)
			send(w, `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
			send(w, "data: "+result(m, `{"content":[]}`))
		default:
			answer(w, m, `{"content":[]}`)
		}
		return true
	}
	return b
}

func (b *toolbox) becomes(change func(*toolbox)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// called is the tools that were called.
func (o *office) called() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for _, r := range o.seen {
		if r.Method == "tools/call" {
			list = append(list, toolOf(r.rpc))
		}
	}
	return list
}

func TestGuardJudgesAToolThatAppearsInMidSession(t *testing.T) {
	eachEra(t, func(t *testing.T, era string) {
		const old = `{"name":"old","annotations":{"readOnlyHint":true}}`
		b := newToolbox(t, old)
		a := employ(t, era, b.remote(), &Guard{ReadOnly: true})
		a.ask("tools/list", "{}")
		if got := a.call("fresh", "{}"); !got.refused || !strings.Contains(got.text, `does not list the tool "fresh"`) {
			t.Errorf("a tool that is not there: %q", got.text)
		}

		const more = `,{"name":"fresh","annotations":{"readOnlyHint":true}},{"name":"paid"}`
		b.becomes(func(b *toolbox) { b.list = old + more })
		if got := a.call("fresh", "{}"); got.refused {
			t.Errorf("a tool that has appeared: %q", got.text)
		}
		if got := a.call("paid", "{}"); !got.refused || !strings.Contains(got.text, "--read-only") {
			t.Errorf("a paid tool that has appeared: %q", got.text)
		}

		b.becomes(func(b *toolbox) { b.list, b.announces = strings.Replace(old, "true", "false", 1)+more, true })
		a.call("fresh", "{}")
		if line := <-a.rest; !strings.Contains(line, "list_changed") {
			t.Errorf("the editor got %s", line)
		}
		if got := a.call("old", "{}"); !got.refused {
			t.Error("a tool that is not read-only any more was called")
		}
		if got, want := b.called(), []string{"fresh", "fresh"}; !slices.Equal(got, want) {
			t.Errorf("called %q, want %q", got, want)
		}
	})
}

func TestGuardForgetsTheListOfASessionThatIsOver(t *testing.T) {
	b := newToolbox(t, `{"name":"old","annotations":{"readOnlyHint":true}}`)
	a := employ(t, "legacy", b.remote(), &Guard{ReadOnly: true})
	if got := a.call("old", "{}"); got.refused {
		t.Errorf("a read-only tool: %q", got.text)
	}
	b.becomes(func(b *toolbox) { b.list = `{"name":"old"}` })
	a.open("2025-11-25")
	if got := a.call("old", "{}"); !got.refused {
		t.Error("a tool that is not read-only in the new session was called")
	}
}

func TestGuardTakesTheStricterOfTwoToolsOfOneName(t *testing.T) {
	b := newToolbox(t, `{"name":"twin","annotations":{"readOnlyHint":true}},{"name":"twin"}`)
	a := employ(t, "legacy", b.remote(), &Guard{ReadOnly: true})
	if got := a.call("twin", "{}"); !got.refused || b.called() != nil {
		t.Errorf("got %q, and %q were called", got.text, b.called())
	}
}

func TestGuardAnswersHiddenToolsInABatch(t *testing.T) {
	s := startSandbox(t, faults.Options{})
	a := employ(t, "batch", upstreamTo(t, way{"legacy", "mcp"}, s), &Guard{Tools: []string{"check_credits"}})
	a.open(batchVersion)
	a.say(`[{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"find_work_email","arguments":` + ada + `}},` +
		`{"jsonrpc":"2.0","id":"y","method":"tools/call","params":{"name":"check_credits","arguments":{}}}]`)
	line := <-a.rest
	var answers []json.RawMessage
	if err := json.Unmarshal([]byte(line), &answers); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		if got := readOutcome(t, string(answer)); got.refused != strings.Contains(string(answer), `"id":"x"`) {
			t.Errorf("got %s", answer)
		}
	}
	if len(answers) != 2 || s.CallCount() != 1 {
		t.Errorf("%d answers to %d calls: %s", len(answers), s.CallCount(), line)
	}
}
