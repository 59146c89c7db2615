package cli

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostile is text that acts on a terminal, and that pretends to be this program's.
const hostile = `\u001b[2J\u001b]52;c;ZWNobw==\u0007\u001b]8;;https://evil.example\u001b\\a\u202eb\rc\nleadmagic-mcp-proxy: run this\u009b1m\u200b\b`

// atTerminal runs the program with stdout and stderr at a terminal, and returns what that is sent.
func atTerminal(t *testing.T, address string, args ...string) string {
	t.Helper()
	person, program := openTerminal(t)
	state, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	state.Oflag &^= unix.OPOST // which would write \r\n for \n
	if err := unix.IoctlSetTermios(int(program.Fd()), unix.TCSETS, state); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&got, person)
	}()
	values := map[string]string{
		"LEADMAGIC_API_KEY": canary, "LEADMAGIC_MCP_URL": address + "/mcp", "LEADMAGIC_API_URL": address, "LEADMAGIC_UPSTREAM": "mcp",
	}
	Run(t.Context(), &Env{
		Getenv:  func(name string) string { return values[name] },
		Environ: func() []string { return nil },
		Stdin:   strings.NewReader(""), Stdout: program, Stderr: program, Version: "test",
	}, args)
	_ = program.Close()
	select {
	case <-read:
	case <-time.After(10 * time.Second):
		t.Fatal("the terminal has no end")
	}
	return got.String()
}

func TestForeignTextDoesNotActOnATerminal(t *testing.T) {
	const list = `"tools":[{"name":"good","description":"` + hostile + `. And more","inputSchema":{"type":"object"}},{"name":"x` + hostile + `","inputSchema":{"type":"object"}}]`
	result := func(members string) keyEcho {
		return keyEcho{200, "application/json", `{"jsonrpc":"2.0","id":ID,"result":{` + list + `,` + members + `}}`}
	}
	text := `"content":[{"type":"text","text":"first ` + hostile + `"}]`
	failure := func(status int, body string) keyEcho { return keyEcho{status, "application/json", body} }
	tests := []struct {
		name string
		echo keyEcho
		args []string
		want string
	}{
		{"a result", result(text), []string{"call", "good"}, "first "},
		{"a result that is JSON", result(`"content":[{"type":"text","text":"{\"a\":\"first \u202e\u009b\"}"}]`), []string{"call", "good"}, "first "},
		{"a result, whole", result(text), []string{"call", "--json", "good"}, "first "},
		{"a failed call", result(`"isError":true,` + text), []string{"call", "good"}, "leadmagic-mcp-proxy: first "},
		{"tools", result(text), []string{"tools"}, "good"},
		{"tools as JSON", result(text), []string{"tools", "--json"}, "good"},
		{"completions", result(text), []string{"__complete", "call", ""}, "good"},
		{"an error", failure(200, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"first `+hostile+`"}}`), []string{"tools"}, "leadmagic-mcp-proxy: first"},
		{"a refusal", failure(400, `{"error":"first","message":"first `+hostile+`"}`), []string{"tools"}, "first"},
		{"a page", keyEcho{403, "text/html", "<title>first \x1b[2J\u202e\nleadmagic-mcp-proxy: run this</title>"}, []string{"tools"}, "first"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := atTerminal(t, hosted(t, tt.echo), tt.args...)
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
			if i := strings.IndexFunc(got, func(r rune) bool {
				return r < ' ' && r != '\n' && (r != '\t' || tt.name != "completions") || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u200b'
			}); i >= 0 {
				t.Errorf("the terminal is sent %q", got[i:min(len(got), i+20)])
			}
			if strings.Contains("\n"+got, "\nleadmagic-mcp-proxy: run this") {
				t.Errorf("a line is forged: %q", got)
			}
		})
	}
}

func TestResultsForAProgramAreAsTheyCame(t *testing.T) {
	address := hosted(t, keyEcho{200, "application/json", `{"jsonrpc":"2.0","id":ID,"result":{"tools":[],"content":[{"type":"text","text":"a\u001bb\r\n  c"}]}}`})
	if got := runAgainst(t, address, "", nil, "call", "any"); got != "a\x1bb\r\n  c\n" {
		t.Errorf("got %q", got)
	}
}

// TestACommandEndsInSilenceWithItsReader has a pipe whose reader is gone.
func TestACommandEndsInSilenceWithItsReader(t *testing.T) {
	address := hosted(t, keyEcho{200, "application/json", `{"jsonrpc":"2.0","id":ID,"result":{"tools":[{"name":"good","inputSchema":{"type":"object"}}],"content":[{"type":"text","text":"first"}]}}`})
	for _, args := range [][]string{
		{"tools"},
		{"tools", "--json"},
		{"call", "good"},
		{"call", "--json", "good"},
		{"version"},
		{"--help"},
		{"completion", "zsh"},
		{"__complete", "call", ""},
		{"sandbox"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		var stderr bytes.Buffer
		values := map[string]string{
			"LEADMAGIC_API_KEY": canary, "LEADMAGIC_MCP_URL": address + "/mcp", "LEADMAGIC_API_URL": address, "LEADMAGIC_UPSTREAM": "mcp", "HOME": t.TempDir(),
		}
		code := Run(t.Context(), &Env{
			Getenv:  func(name string) string { return values[name] },
			Environ: func() []string { return nil },
			Stdin:   strings.NewReader(""), Stdout: w, Stderr: &stderr, Version: "test",
		}, args)
		_ = w.Close()
		if args[0] == "__complete" { // cobra says what it does
			stderr.Reset()
		}
		if code != 0 || stderr.Len() > 0 {
			t.Errorf("%s ends with %d and %q", args, code, stderr.String())
		}
	}
}

func TestProgressLeavesNothingBehind(t *testing.T) {
	person, program := openTerminal(t)
	say := progress(&Env{Getenv: func(string) string { return "" }, Stderr: program})
	for _, what := range []string{"something that is long", "short", ""} {
		say(what)
	}
	_ = program.Close()
	sent, _ := io.ReadAll(person) // it ends with an error
	line, column := []rune{}, 0
	for _, r := range string(sent) {
		if r == '\r' {
			column = 0
			continue
		}
		line = append(line[:column], append([]rune{r}, line[min(column+1, len(line)):]...)...)
		column++
	}
	if left := strings.TrimSpace(string(line)); left != "" || column != 0 || !strings.Contains(string(sent), "\rshort") {
		t.Errorf("the line shows %q, with the cursor at %d", left, column)
	}
}
