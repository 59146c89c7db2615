package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What the command prints is enough to use the sandbox, with a key or with a sign-in.
func TestTheSandboxCommand(t *testing.T) {
	for _, option := range []string{"", "--oauth-only"} {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		said, stdout := io.Pipe()
		env := &Env{
			Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
			Stdin: strings.NewReader(""), Stdout: stdout, Stderr: io.Discard, Version: "test",
		}
		code := make(chan int, 1)
		go func() {
			code <- Run(ctx, env, strings.Fields("sandbox --credits 3 "+option))
			_ = stdout.Close()
		}()
		lines := bufio.NewReader(said)
		first, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]string{}
		for word := range strings.FieldsSeq(first) {
			name, value, _ := strings.Cut(word, "=")
			variables[name] = value
		}
		ask := func(method, address string) string {
			r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+variables["LEADMAGIC_API_KEY"])
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "application/json, text/event-stream")
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			return fmt.Sprint(response.StatusCode, " ", string(body))
		}
		if got := ask(http.MethodGet, variables["LEADMAGIC_API_URL"]+"/v1/credits"); !strings.Contains(got, `"credits":3`) {
			t.Errorf("%s: the balance is %s", option, got)
		}
		status := map[string]string{"": "200", "--oauth-only": "401"}[option]
		if got := ask(http.MethodPost, variables["LEADMAGIC_MCP_URL"]); !strings.HasPrefix(got, status) {
			t.Errorf("%s: the MCP server answers %s", option, got)
		}
		stop()
		rest, err := io.ReadAll(lines)
		if signIn := strings.Contains(string(rest), "\nleadmagic-mcp-proxy login --web\n"); err != nil || signIn != (option != "") {
			t.Errorf("%s: it says %s, %v", option, rest, err)
		}
		if got := <-code; got != 0 {
			t.Errorf("%s: it exits with %d", option, got)
		}
	}
}
