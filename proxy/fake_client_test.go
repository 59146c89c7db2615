package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// A way is how an agent reaches LeadMagic: in which mode, over which upstream.
type way struct{ mode, upstream string }

var ways = []way{{"session", "mcp"}, {"stateless", "mcp"}, {"session", "rest"}, {"stateless", "rest"}}

// eachWay runs a test in both modes and with both upstreams.
func eachWay(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.mode+" over "+w.upstream, func(t *testing.T) { test(t, w) })
	}
}

// eachMode runs a test in both modes.
func eachMode(t *testing.T, test func(t *testing.T, mode string)) {
	t.Helper()
	for _, mode := range []string{"session", "stateless"} {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}

// A keyed transport puts the sandbox's key on each request.
type keyedTransport struct{ base http.RoundTripper }

func (k keyedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Leadmagic-Key", sandbox.Key)
	r.Header.Set("X-Api-Key", sandbox.Key)
	return k.base.RoundTrip(r)
}

// startSandbox is LeadMagic for the length of a test.
func startSandbox(t testing.TB, o faults.Options) *faults.Server {
	t.Helper()
	s, err := faults.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// upstreamTo is the upstream of w to a sandbox.
func upstreamTo(t testing.TB, w way, s *faults.Server) Upstream {
	t.Helper()
	dial := func() http.RoundTripper {
		base := &http.Transport{MaxIdleConnsPerHost: 256}
		t.Cleanup(base.CloseIdleConnections)
		return keyedTransport{base}
	}
	log := slog.New(slog.DiscardHandler)
	if w.upstream == "rest" {
		return &InProcess{Log: log, Serve: func(ctx context.Context, in io.ReadCloser, out io.WriteCloser) error {
			return rest.Serve(ctx, rest.Options{BaseURL: s.URL, Client: &http.Client{Transport: dial()}}, in, out)
		}}
	}
	u, err := url.Parse(s.URL + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	return &streamable.Client{URL: u, Dial: dial, Log: log}
}

// prices are the worst cases of the tools that the tests call.
func prices(tool string, _ []byte) (problem.Credits, bool) {
	cost, known := map[string]float64{
		"check_credits": 0, "check_credit_balance": 0, "get_account_analytics": 0,
		"validate_work_email": 0.25, "find_work_email": 1, "find_personal_email": 2, "find_company_funding": 4,
		"find_mobile_number": 5, "priced": 2, "six": 6,
	}[tool]
	return problem.ToCredits(cost), known
}

// A client is at the editor's end of a guarded session.
type client struct {
	t     testing.TB
	mode  string
	in    *io.PipeWriter
	stop  func() // is a signal to end
	clock bool   // time is the test's, and calls are sent in order
	ended chan error

	mu      sync.Mutex
	ids     int
	answers map[string]chan string
	rest    chan string // what is no answer
	ledger  []SpentCall
}

// limits are the settings of a Filter and a Budget.
type limits struct {
	Tools, Exclude []string
	ReadOnly       bool
	MaxCredits     float64
	Cost           func(tool string, arguments []byte) (credits problem.Credits, known bool)
	Spent          func(SpentCall)

	filter *Filter
	budget *Budget
}

// around is up within the limits.
func (l *limits) around(up Upstream) Upstream {
	if l == nil {
		return up
	}
	if l.MaxCredits > 0 || l.Spent != nil {
		l.budget = &Budget{Next: up, Limit: problem.ToCredits(l.MaxCredits), Price: l.Cost, Spent: l.Spent}
		up = l.budget
	}
	if l.ReadOnly || l.MaxCredits > 0 || len(l.Tools)+len(l.Exclude) > 0 {
		l.filter = &Filter{Next: up, Tools: l.Tools, Exclude: l.Exclude, ReadOnly: l.ReadOnly, Log: slog.New(slog.DiscardHandler)}
		up = l.filter
	}
	return up
}

// newClient opens a session. A guard without a cost table gets prices.
func newClient(t testing.TB, mode string, up Upstream, g *limits) *client {
	t.Helper()
	inRead, in := io.Pipe()
	out, outWrite := io.Pipe()
	a := &client{t: t, mode: mode, in: in, ended: make(chan error, 1), answers: make(map[string]chan string), rest: make(chan string, 100)}
	if g != nil {
		if g.Cost == nil {
			g.Cost = prices
		}
		g.Spent = a.note
	}
	up = g.around(up)
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	go func() {
		err := Run(ctx, Options{In: inRead, Out: outWrite, Upstream: up, Log: slog.New(slog.DiscardHandler)})
		_ = outWrite.Close()
		a.ended <- err
	}()
	go a.read(out)
	t.Cleanup(a.leave)
	if mode == "session" {
		a.open("2025-11-25")
	}
	return a
}

func (a *client) open(version string) {
	a.t.Helper()
	opened := a.ask("initialize", fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"0"}}`, version))
	if !strings.Contains(opened, `"protocolVersion":"`+version+`"`) {
		a.t.Fatalf("initialize was answered %s", opened)
	}
	a.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

func (a *client) read(out io.Reader) {
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		line := scanner.Text()
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal([]byte(line), &m) != nil || m.ID == nil || m.Method != "" {
			a.rest <- line
			continue
		}
		select {
		case a.answer(string(m.ID)) <- line:
		default:
			a.t.Errorf("a second answer: %s", line)
		}
	}
}

func (a *client) answer(id string) chan string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[id] == nil {
		a.answers[id] = make(chan string, 1)
	}
	return a.answers[id]
}

// note keeps what the guard reports.
func (a *client) note(s SpentCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ledger = append(a.ledger, s)
}

// spent is what the guard has reported so far, a line a call.
func (a *client) spent() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lines []string
	for _, s := range a.ledger {
		lines = append(lines, fmt.Sprintf("%s %v %s", s.Tool, s.Credits, s.Basis))
	}
	return lines
}

func (a *client) total() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var sum problem.Credits
	for _, s := range a.ledger {
		sum += s.Credits
	}
	return sum.Float()
}

func (a *client) say(line string) {
	a.t.Helper()
	if _, err := io.WriteString(a.in, line+"\n"); err != nil {
		a.t.Fatal(err)
	}
}

// begin sends a call and returns its id.
func (a *client) begin(method, params string) string {
	a.t.Helper()
	a.mu.Lock()
	a.ids++
	id := fmt.Sprint(a.ids)
	a.mu.Unlock()
	if a.mode == "stateless" {
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"},"io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p` + id + `"}`
		if params = strings.TrimPrefix(params, "{"); params != "}" {
			meta += ","
		}
		params = "{" + meta + params
	}
	a.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`)
	if a.clock {
		synctest.Wait()
	}
	return id
}

func (a *client) ask(method, params string) string {
	a.t.Helper()
	return <-a.answer(a.begin(method, params))
}

// beginCall sends a tools/call and returns its id.
func (a *client) beginCall(tool, arguments string) string {
	a.t.Helper()
	return a.begin("tools/call", `{"name":"`+tool+`","arguments":`+arguments+`}`)
}

// call calls a tool.
func (a *client) call(tool, arguments string) outcome {
	a.t.Helper()
	return readOutcome(a.t, <-a.answer(a.beginCall(tool, arguments)))
}

func (a *client) cancel(id string) {
	a.t.Helper()
	a.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
}

// leave closes the editor's side and waits for the end.
func (a *client) leave() {
	_ = a.in.Close() // it cannot fail
	if err := <-a.ended; err != nil {
		a.t.Error(err)
	}
	a.ended <- nil
}

// An outcome is what an agent reads of an answer to tools/call.
type outcome struct {
	refused bool // isError, or an error of the protocol
	text    string
	line    string
}

func readOutcome(t testing.TB, line string) outcome {
	t.Helper()
	var m struct {
		Result struct {
			IsError bool
			Content []struct{ Text string }
		}
		Error *struct{ Message string }
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	o := outcome{refused: m.Result.IsError, line: line}
	if m.Error != nil {
		o.refused, o.text = true, m.Error.Message
	}
	for _, c := range m.Result.Content {
		o.text += c.Text
	}
	return o
}

// toolNames are the names in an answer to tools/list, in order.
func toolNames(t testing.TB, line string) []string {
	t.Helper()
	var m struct {
		Result struct{ Tools []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	names := []string{}
	for _, tool := range m.Result.Tools {
		names = append(names, tool.Name)
	}
	return names
}

// reached is how many requests to a sandbox have text in their body or path.
func reached(s *faults.Server, text string) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.Contains(r.Path, text) || strings.Contains(string(r.Body), text) {
			n++
		}
	}
	return n
}
