package proxy

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

const ada = `{"full_name":"Ada Lovelace","domain":"analytical.example"}`

func TestFilterHidesToolsFromListsAndCalls(t *testing.T) {
	tests := []struct {
		name    string
		guard   *limits  // a pattern for one guard a session
		shown   []string // some of what the list has
		gone    []string // some of what it has not
		allowed [2]string
		refused [2]string
		why     string
	}{
		{
			"only what --tools names is there",
			&limits{Tools: []string{" find_* ", "check_credits"}},
			[]string{"find_work_email", "check_credits"},
			[]string{"enrich_company", "get_account_analytics"},
			[2]string{"find_work_email", ada},
			[2]string{"enrich_company", `{"company_domain":"acme.example"}`},
			`the tool "enrich_company" is not among those that --tools (LEADMAGIC_TOOLS) allows`,
		},
		{
			"what --exclude-tools names is not there",
			&limits{Exclude: []string{"find_[a-m]*", "enrich_*"}},
			[]string{"find_work_email", "check_credits"},
			[]string{"find_mobile_number", "find_company_funding", "enrich_company"},
			[2]string{"find_work_email", ada},
			[2]string{"find_mobile_number", `{"work_email":"ada@analytical.example"}`},
			`the tool "find_mobile_number" is hidden by --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS)`,
		},
		{
			"--exclude-tools wins over --tools",
			&limits{Tools: []string{"find_*"}, Exclude: []string{"*mobile*"}},
			[]string{"find_work_email"},
			[]string{"find_mobile_number", "check_credits"},
			[2]string{"find_work_email", ada},
			[2]string{"find_mobile_number", `{"work_email":"ada@analytical.example"}`},
			`the tool "find_mobile_number" is hidden by --exclude-tools`,
		},
		{
			"a tool under another name is not a way around --exclude-tools",
			&limits{Exclude: []string{"b2b_profile_to_work_email"}},
			[]string{"find_work_email"},
			[]string{"b2b_profile_to_work_email"},
			[2]string{"find_work_email", ada},
			[2]string{"linkedin_profile_to_work_email", `{"profile_url":"ada"}`},
			`LeadMagic does not list the tool "linkedin_profile_to_work_email", and --exclude-tools (LEADMAGIC_EXCLUDE_TOOLS) hides what is not listed`,
		},
		{
			"--read-only leaves what is annotated so",
			&limits{ReadOnly: true},
			[]string{"check_credits", "get_account_analytics"},
			[]string{"find_work_email", "enrich_company"},
			[2]string{"check_credits", `{}`},
			[2]string{"find_work_email", ada},
			`the tool "find_work_email" is hidden by --read-only (LEADMAGIC_READ_ONLY)`,
		},
		{
			"--read-only and patterns hold together",
			&limits{ReadOnly: true, Tools: []string{"get_*", "find_work_email"}},
			[]string{"get_account_analytics"},
			[]string{"check_credits", "find_work_email"},
			[2]string{"get_account_analytics", `{}`},
			[2]string{"find_work_email", ada},
			`the tool "find_work_email" is hidden by --read-only`,
		},
		{
			"an empty pattern matches nothing",
			&limits{Tools: []string{" "}},
			nil,
			[]string{"find_work_email", "check_credits"},
			[2]string{problem.StatusTool, `{}`},
			[2]string{"check_credits", `{}`},
			`the tool "check_credits" is not among those that --tools (LEADMAGIC_TOOLS) allows`,
		},
		{
			"a pattern that cannot be read hides",
			&limits{Exclude: []string{"["}},
			nil,
			[]string{"find_work_email", "check_credits"},
			[2]string{problem.StatusTool, `{}`},
			[2]string{"check_credits", `{}`},
			`the tool "check_credits" is hidden by --exclude-tools`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w way) {
				s := startSandbox(t, faults.Options{})
				for _, first := range []string{"tools/list", "tools/call"} {
					t.Run(first+" comes first", func(t *testing.T) {
						guard := limits{Tools: tt.guard.Tools, Exclude: tt.guard.Exclude, ReadOnly: tt.guard.ReadOnly}
						a := newClient(t, w.mode, upstreamTo(t, w, s), &guard)
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
						if stateless := strings.Contains(got.line, `"resultType":"complete"`); stateless != (w.mode == "stateless") {
							t.Errorf("resultType does not fit the %s mode: %s", w.mode, got.line)
						}
						if tt.allowed[0] != problem.StatusTool {
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

func TestFilterCutsAListAndChangesNoOtherByte(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		for _, paged := range []int{0, 3} {
			t.Run(fmt.Sprintf("pages of %d", paged), func(t *testing.T) {
				s := startSandbox(t, faults.Options{PageSize: paged})
				w := way{mode, "mcp"}
				whole := newClient(t, mode, upstreamTo(t, w, s), nil).ask("tools/list", "{}")
				cut := newClient(t, mode, upstreamTo(t, w, s), &limits{Tools: []string{"find_*"}}).ask("tools/list", "{}")
				want := whole
				for tool := range jsonrpc.Elements(jsonrpc.Get(jsonrpc.Get([]byte(whole), "result"), "tools")) {
					if name, _ := jsonrpc.Unquote(jsonrpc.Get(tool, "name")); !strings.HasPrefix(name, "find_") {
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

func TestFilterThatHidesNothingLeavesListsAlone(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		s := startSandbox(t, faults.Options{})
		want := newClient(t, mode, upstreamTo(t, way{mode, "mcp"}, s), nil).ask("tools/list", "{}")
		got := newClient(t, mode, upstreamTo(t, way{mode, "mcp"}, s), &limits{Exclude: []string{"nothing_is_called_so"}}).ask("tools/list", "{}")
		if got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestFilterLeavesWhatIsNoListAlone(t *testing.T) {
	list := compose(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	for name, tt := range map[string]struct{ request, response *jsonrpc.Message }{
		"a problem":              {list, jsonrpc.Failed(list, down)},
		"an error":               {list, jsonrpc.NewError(list.ID, jsonrpc.CodeInternal, "no", nil)},
		"what looks like a list": {compose(ping(1)), compose(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"}]}}`)},
	} {
		f := &Filter{Next: &scripted{answer: func(*jsonrpc.Message) *jsonrpc.Message { return tt.response }}, Tools: []string{"find_*"}, Log: slog.New(slog.DiscardHandler)}
		f.Start(func(*jsonrpc.Message) {})
		if got := f.Call(t.Context(), tt.request); got != tt.response {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.response)
		}
		f.Close(t.Context())
	}
}

func TestFilterThatOnlyKeepsAccountLeavesCallsAlone(t *testing.T) {
	// Each would be refused or dropped if anything had a limit.
	lines := []string{
		`{"jsonrpc":"2.0","id":"twice","method":"tools/call","params":{"name":"find_work_email","name":"check_credits"}}`,
		`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"find_work_email"}}`,
	}
	up := &scripted{answer: says("LeadMagic", "2025-11-25")}
	a := newClient(t, "session", up, &limits{})
	for _, line := range lines {
		a.say(line)
	}
	<-a.answer(`"twice"`)
	a.ask("ping", "{}")
	want := []string{"initialize", "notifications/initialized", "ping", "tools/call check_credits", "tools/call find_work_email"}
	got := up.methods()
	slices.Sort(got) // a request and a notification have no order between them
	if !slices.Equal(got, want) {
		t.Errorf("LeadMagic got %q, want %q", got, want)
	}
}

func TestFilterPatternsThatHideEverything(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		a := newClient(t, w.mode, upstreamTo(t, w, startSandbox(t, faults.Options{})), &limits{Exclude: []string{"*"}})
		line := a.ask("tools/list", "{}")
		if !strings.Contains(line, `"tools":[]`) {
			t.Errorf("the list is %s", line)
		}
		if got := a.call("check_credits", "{}"); !got.refused {
			t.Errorf("a hidden tool answers %q", got.text)
		}
	})
}

func TestFilterSaysOnceThatNoToolIsLeft(t *testing.T) {
	var log bytes.Buffer
	list := ""
	f := &Filter{Next: toolbox(func() string { return list }, new([]string)), ReadOnly: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	f.Start(func(*jsonrpc.Message) {})
	defer f.Close(t.Context())
	for _, tt := range []struct {
		list string
		want int // warnings so far
	}{
		{"", 0},
		{`{"name":"reads","annotations":{"readOnlyHint":true}},{"name":"writes"}`, 0},
		{`{"name":"writes"}`, 1},
		{`{"name":"writes"}`, 1},
	} {
		list = tt.list
		f.Call(t.Context(), compose(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if got := strings.Count(log.String(), "no tool is left"); got != tt.want {
			t.Errorf("after the list [%s] it was said %d times, want %d", tt.list, got, tt.want)
		}
	}
}

func TestFilterNamesPatternsThatMatchNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := &limits{Tools: []string{"find_*", "finds_*", " finds_* ", " "}, Exclude: []string{"search_people", "serch_people"}}
		a := newClient(t, w.mode, upstreamTo(t, w, startSandbox(t, faults.Options{})), g)
		if got := g.filter.Unmatched(); got != nil {
			t.Errorf("before any list: %q", got)
		}
		a.ask("tools/list", "{}")
		if got, want := g.filter.Unmatched(), []string{"finds_*", "serch_people"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestFilterStarStandsForAnyCharacter(t *testing.T) {
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

// toolbox is an upstream whose list changes.
func toolbox(list func() string, log *[]string) *scripted {
	return &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
		switch m.Method {
		case "initialize":
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"protocolVersion":"2025-11-25"}}`)
		case "tools/list":
			return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"tools":[`+list()+`]}}`)
		}
		*log = append(*log, m.Param("name"))
		return compose(`{"jsonrpc":"2.0","id":`, m.ID, `,"result":{"content":[]}}`)
	}}
}

func TestFilterJudgesAToolThatAppearsInMidSession(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		list := `{"name":"old","annotations":{"readOnlyHint":true}}`
		var called []string
		up := toolbox(func() string { return list }, &called)
		a := newClient(t, mode, up, &limits{ReadOnly: true})
		a.ask("tools/list", "{}")
		if got := a.call("fresh", "{}"); !got.refused || !strings.Contains(got.text, `does not list the tool "fresh", and --read-only (LEADMAGIC_READ_ONLY) hides what is not listed`) {
			t.Errorf("a tool that is not there: %q", got.text)
		}

		list += `,{"name":"fresh","annotations":{"readOnlyHint":true}},{"name":"paid"}`
		if got := a.call("fresh", "{}"); got.refused {
			t.Errorf("a tool that has appeared: %q", got.text)
		}
		if got := a.call("paid", "{}"); !got.refused || !strings.Contains(got.text, "--read-only") {
			t.Errorf("a paid tool that has appeared: %q", got.text)
		}

		list = strings.Replace(list, "true", "false", 1)
		up.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`))
		<-a.rest
		if got := a.call("old", "{}"); !got.refused {
			t.Error("a tool that is not read-only any more was called")
		}
		if want := []string{"fresh"}; !slices.Equal(called, want) {
			t.Errorf("called %q, want %q", called, want)
		}
	})
}

func TestFilterKeepsThePagesOfAList(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		const page2 = `{"cursor":"2"}`
		tools := map[string]string{"": "first", "2": "second"}
		up := &scripted{answer: func(m *jsonrpc.Message) *jsonrpc.Message {
			if m.Method != "tools/list" {
				return says("LeadMagic", "2025-11-25")(m)
			}
			return jsonrpc.NewResult(m, []byte(`{"tools":[{"name":"`+tools[m.Param("cursor")]+`","annotations":{"readOnlyHint":true}}]}`))
		}}
		a := newClient(t, mode, up, &limits{ReadOnly: true})
		lists := func() (n int) {
			for _, method := range up.methods() {
				if method == "tools/list" {
					n++
				}
			}
			return n
		}
		a.ask("tools/list", "{}")
		a.ask("tools/list", page2)
		up.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}`))
		<-a.rest
		for _, tool := range []string{"first", "second"} {
			if got := a.call(tool, "{}"); got.refused || lists() != 2 {
				t.Errorf("%s, which a page has: got %q, after %d lists", tool, got.text, lists())
			}
		}
		a.ask("tools/list", "{}") // begins anew
		if got := a.call("second", "{}"); !got.refused || lists() != 4 {
			t.Errorf("a tool of a page that is not listed any more: got %q, after %d lists", got.text, lists())
		}
	})
}

func TestFilterForgetsTheListOfASessionThatIsOver(t *testing.T) {
	list := `{"name":"old","annotations":{"readOnlyHint":true}}`
	var called []string
	up := toolbox(func() string { return list }, &called)
	a := newClient(t, "session", up, &limits{ReadOnly: true})
	a.call("old", "{}")
	list = `{"name":"old"}`
	a.open("2025-11-25")
	if got := a.call("old", "{}"); !got.refused {
		t.Error("a tool that is not read-only in the new session was called")
	}
}

func TestFilterKeepsNoListThatChangedUnderWay(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		const reads, writes = `{"name":"old","annotations":{"readOnlyHint":true}}`, `{"name":"old"}`
		for what, changes := range map[string]int{"once": 1, "each time": 1 << 20} {
			var called []string
			var up *scripted
			up = toolbox(func() string {
				if changes--; changes < 0 {
					return writes
				}
				up.deliver(compose(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`))
				return reads
			}, &called)
			a := newClient(t, mode, up, &limits{ReadOnly: true})
			go func() {
				for range a.rest {
				}
			}()
			a.ask("tools/list", "{}")
			if got := a.call("old", "{}"); !got.refused || called != nil {
				t.Errorf("the list changed %s: got %q, and %q were called", what, got.text, called)
			}
			lists := slices.DeleteFunc(up.methods(), func(method string) bool { return method != "tools/list" })
			if want := map[string]int{"once": 2, "each time": 3}[what]; len(lists) != want {
				t.Errorf("the list changed %s: it was listed %d times, want %d", what, len(lists), want)
			}
		}
	})
}

func TestFilterTakesTheStricterOfTwoToolsOfOneName(t *testing.T) {
	const reads, writes = `{"name":"twin","annotations":{"readOnlyHint":true}}`, `{"name":"twin"}`
	for list, allowed := range map[string]bool{
		reads + "," + writes: false, writes + "," + reads: false, reads + "," + writes + "," + reads: false, reads + "," + reads: true,
	} {
		var called []string
		up := toolbox(func() string { return list }, &called)
		a := newClient(t, "session", up, &limits{ReadOnly: true})
		if got := a.call("twin", "{}"); got.refused == allowed || (called != nil) != allowed {
			t.Errorf("of %s: got %q, and %q were called", list, got.text, called)
		}
	}
}

func TestFilterJudgesWhatCannotBeReadTwoWays(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string) {
		var called []string
		up := toolbox(func() string { return `{"name":"check_credits"},{"name":"find_work_email"}` }, &called)
		a := newClient(t, mode, up, &limits{Tools: []string{"check_credits"}})
		for _, params := range []string{
			`{"name":"find_work_email","name":"check_credits"}`,
			`{"name":"find_work_email","n\u0061me":"` + problem.StatusTool + `"}`,
			`{"name":"check_credits","arguments":{},"arguments":{"a":1}}`,
			`{"name":"check_credits","arguments":{"a":1,"A":2}}`,
		} {
			got := readOutcome(t, a.ask("tools/call", params))
			if !got.refused || !strings.Contains(got.text, "the message names a member twice, or in other letters than the protocol has; it was not sent") {
				t.Errorf("%s: got %q", params, got.text)
			}
		}
		if got := readOutcome(t, a.ask("prompts/get", `{"name":"a","arguments":{"a":1,"A":2}}`)); got.refused {
			t.Errorf("what is for other methods alone: got %q", got.text)
		}
		a.say(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"find_work_email"}}`)
		a.say(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"check_credits"}}`)
		a.ask("ping", "{}")
		for _, method := range up.methods() {
			if strings.HasPrefix(method, "tools/call") {
				t.Errorf("LeadMagic saw %q", method)
			}
		}
	})
}

func TestFilterPassesOnNotificationsThatCallNothing(t *testing.T) {
	up := &scripted{}
	f := &Filter{Next: up, Tools: []string{"find_*"}, Log: slog.New(slog.DiscardHandler)}
	f.Start(func(*jsonrpc.Message) {})
	defer f.Close(t.Context())
	for _, line := range []string{
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"find_work_email"}}`,
		`{"jsonrpc":"2.0","method":"tools/call","Method":"notifications/progress"}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"_meta":{},"_META":{}}}`,
		`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`,
	} {
		f.Notify(t.Context(), compose(line))
	}
	if got, want := up.methods(), []string{"notifications/initialized", "", "notifications/roots/list_changed"}; !slices.Equal(got, want) {
		t.Errorf("LeadMagic got %q, want %q", got, want)
	}
}

func TestFilterAnswersHiddenToolsInABatch(t *testing.T) {
	s := startSandbox(t, faults.Options{})
	a := newClient(t, "batch", upstreamTo(t, way{"session", "mcp"}, s), &limits{Tools: []string{"check_credits"}})
	a.open(batchVersion)
	a.say(`[{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"find_work_email","arguments":` + ada + `}},` +
		`{"jsonrpc":"2.0","id":"y","method":"tools/call","params":{"name":"check_credits","arguments":{}}}]`)
	line := <-a.rest
	n := 0
	for answer := range jsonrpc.Elements([]byte(line)) {
		n++
		got := readOutcome(t, string(answer))
		id, _ := jsonrpc.Unquote(jsonrpc.Get(answer, "id"))
		if got.refused != (id == "x") {
			t.Errorf("%s: %s", id, answer)
		}
	}
	if n != 2 || s.CallCount() != 1 {
		t.Errorf("%d answers to %d calls: %s", n, s.CallCount(), line)
	}
}
