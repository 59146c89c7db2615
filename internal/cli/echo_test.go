package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A keyEcho is an answer to a call that has the key in it.
type keyEcho struct {
	status     int
	kind, body string // ID stands for the call's
}

const (
	resultBefore = `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"`
	resultAfter  = `"}]}}`
)

var keyEchoes = map[string]keyEcho{
	"as it is":                   {200, "application/json", resultBefore + canary + resultAfter},
	"a letter as JSON writes it": {200, "application/json", resultBefore + `lm_canar\u0079_5f1c0e9a7b3d2468` + resultAfter},
	"in an error":                {200, "application/json", `{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"lm\u005fcanary_5f1c0e9a7b3d2468","data":"l\u006d_canary%5f5f1c0e9a7b3d2468"}}`},
	"a name of a member":         {200, "application/json", `{"jsonrpc":"2.0","id":ID,"result":{"content":[],"lm_canary_5f1c0e9a7b3d246\u0038":1}}`},
	"in an event":                {200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\ndata: \"result\":{\"content\":[{\"type\":\"text\",\"text\":\"lm_canary_5f1c0e9a7b3d246\\u0038\"}]}}\n\n"},
	"over two lines of an event": {200, "text/event-stream", "data: " + resultBefore + "lm_canary_5f1c\ndata: 0e9a7b3d2468" + resultAfter + "\n\n"},
	"a line break in a string":   {200, "application/json", resultBefore + "lm_canary_5f1c\n0e9a7b3d2468" + resultAfter},
	"a refusal":                  {400, "application/json", `{"error":"bad_request","message":"lm\u005fcanary%5f5f1c0e9a7b3d2468 lm_canar\u0079_5f1c0e9a7b3d2468"}`},
	"a refusal that is long":     {422, "application/json", `{"error":"bad_request","message":"` + strings.Repeat("x ", 140) + canary + canary + `"}`},
	"a page":                     {403, "text/html", `<html><title>lm_canary&#95;5f1c0e9a7b3d2468 ` + canary + `</title></html>`},
	"no JSON":                    {200, "application/json", canary + " ID"},
	"a failure":                  {503, "text/plain", canary + " lm%5fcanary_5f1c0e9a7b3d2468"},
	"a key that is refused":      {401, "application/json", `{"message":"no account has lm_canar\u0079_5f1c0e9a7b3d2468"}`},
}

// hosted answers calls of each method with an echo, after a session was opened.
func hosted(t *testing.T, e keyEcho) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Method string
			ID     json.RawMessage
		}
		if body, err := io.ReadAll(r.Body); err != nil || r.Method != http.MethodPost || json.Unmarshal(body, &m) != nil && r.URL.Path == "/mcp" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("X-Request-Id", canary)
		switch {
		case m.Method == "initialize":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}}`)
		case m.ID == nil && r.URL.Path == "/mcp":
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("Content-Type", e.kind)
			w.WriteHeader(e.status)
			_, _ = io.WriteString(w, strings.ReplaceAll(e.body, "ID", string(m.ID)))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// runAgainst runs the program with settings against a server, and returns what it has written.
func runAgainst(t *testing.T, address, stdin string, variables map[string]string, args ...string) string {
	t.Helper()
	values := map[string]string{
		"LEADMAGIC_API_KEY": canary, "LEADMAGIC_MCP_URL": address + "/mcp", "LEADMAGIC_API_URL": address, "LEADMAGIC_UPSTREAM": "mcp",
	}
	maps.Copy(values, variables)
	var out, errs bytes.Buffer
	Run(t.Context(), &Env{
		Getenv:  func(name string) string { return values[name] },
		Environ: func() []string { return nil },
		Stdin:   strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Version: "test",
	}, args)
	return out.String() + errs.String()
}

var escape = regexp.MustCompile(`\\+u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}`)

// shows reports whether a text has the key, with escapes or with line breaks in it.
func shows(text string) bool {
	text = escape.ReplaceAllStringFunc(text, func(e string) string {
		code, err := strconv.ParseUint(e[strings.LastIndexAny(e, "u%")+1:], 16, 16)
		if err != nil {
			return e
		}
		return string(rune(code))
	})
	return strings.Contains(text, canary)
}

func TestAKeyThatComesBackIsNotShown(t *testing.T) {
	const session = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"check_credits","arguments":{}}}
`
	for name, e := range keyEchoes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := hosted(t, e)
			for _, level := range []string{"debug", "trace"} {
				if out := runAgainst(t, address, session, map[string]string{"LEADMAGIC_LOG_LEVEL": level}); shows(out) || !strings.Contains(out, `"id":2`) || !strings.Contains(out, `"serverInfo":{"name":"x"`) {
					t.Errorf("a session at %s: the key is shown, or a call was not answered:\n%s", level, out)
				}
			}
			if e.status == http.StatusServiceUnavailable {
				return // commands list the tools first, and that is tried again
			}
			commands := [][]string{{"tools"}, {"call", "check_credits"}, {"call", "--json", "check_credits"}}
			if name == "a refusal" {
				commands = append(commands, []string{"doctor", "--json"})
			}
			for _, upstream := range []string{"mcp", "rest"} {
				for _, args := range commands {
					level := map[string]string{"LEADMAGIC_LOG_LEVEL": "debug", "LEADMAGIC_UPSTREAM": upstream}
					if out := runAgainst(t, address, "", level, args...); shows(out) || out == "" {
						t.Errorf("%s over %s: the key is shown, or nothing is said:\n%s", args, upstream, out)
					}
				}
			}
		})
	}
}

func TestATypedKeyThatComesBackIsNotShown(t *testing.T) {
	address := hosted(t, keyEchoes["a refusal"])
	values := map[string]string{"LEADMAGIC_API_KEY": "", "LEADMAGIC_UPSTREAM": "rest", "HOME": t.TempDir(), "USERPROFILE": t.TempDir()}
	if out := runAgainst(t, address, canary+"\n", values, "login", "--file"); shows(out) || !strings.Contains(out, "nothing was kept") {
		t.Errorf("the key is shown, or kept:\n%s", out)
	}
	typed := "https://" + url.PathEscape(canary) + ".example"
	if out := runAgainst(t, address, "", nil, "tools", "--upstream", typed); shows(out) || !strings.Contains(out, "--upstream") {
		t.Errorf("the key is shown where it does not belong:\n%s", out)
	}
}
