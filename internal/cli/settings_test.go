package cli

import (
	"bytes"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// settle reads settings from flags and variables, as a command does.
func settle(t *testing.T, variables map[string]string, flags ...string) (*settings, *problem.Problem) {
	t.Helper()
	s := newSettings()
	if err := s.flags.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return s, s.read(func(name string) string { return variables[name] })
}

func TestPatternsAreParted(t *testing.T) {
	tests := []struct {
		name     string
		variable string
		flags    []string
		want     []string
	}{
		{"at commas", "find_*,check_*", nil, []string{"find_*", "check_*"}},
		{"at line ends, as in a block of YAML", "find_*,\ncheck_*\r\nget_*\n", nil, []string{"find_*", "check_*", "get_*"}},
		{"a quotation mark is a character like any other", `"find_*`, nil, []string{`"find_*`}},
		{"a flag that stands twice counts twice", "", []string{"--exclude-tools=find_*", "--exclude-tools", "check_*"}, []string{"find_*", "check_*"}},
		{"a flag stands in place of the variable", "find_*", []string{"--exclude-tools=check_*"}, []string{"check_*"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, bad := settle(t, map[string]string{"LEADMAGIC_EXCLUDE_TOOLS": tt.variable}, tt.flags...)
			if !slices.Equal(s.exclude, tt.want) || bad != nil {
				t.Errorf("got %q, %v; want %q", s.exclude, bad, tt.want)
			}
		})
	}
}

func TestTheSandboxTakesNoAddressFromVariables(t *testing.T) {
	variables := map[string]string{"LEADMAGIC_MCP_URL": "https://mcp.example/mcp", "LEADMAGIC_UPSTREAM": "rest"}
	s, bad := settle(t, variables, "--sandbox")
	if bad != nil || s.mcpURL != defaultMCPURL || s.upstream != "rest" {
		t.Errorf("got %s over %s, %v; want the variable of the address alone passed over", s.mcpURL, s.upstream, bad)
	}
	if _, bad := settle(t, nil, "--sandbox", "--mcp-url=https://mcp.example/mcp"); bad == nil {
		t.Error("an address as a flag beside --sandbox is taken")
	}
}

func TestVariablesThatMeanNothing(t *testing.T) {
	tests := []struct {
		entry string
		want  []string // what was meant; nil for a variable that nothing is said of
	}{
		{"LEADMAGIC_READ_ONLY=1", nil},
		{"LEADMAGIC_API_KEY_FILE=key", nil},
		{"LEADMAGIC_READONLY=", nil},
		{"LEADMAGICAL=1", nil},
		{"PATH=LEADMAGIC_READONLY=1", nil},
		{"LEADMAGIC_READONLY=1", []string{"LEADMAGIC_READ_ONLY"}},
		{"LEADMAGIC_MAXCREDITS=5", []string{"LEADMAGIC_MAX_CREDITS"}},
		{"LEADMAGIC_MAX_CREDIT=5", []string{"LEADMAGIC_MAX_CREDITS"}},
		{"LEADMAGIC_CREDITS=5", []string{"LEADMAGIC_MAX_CREDITS"}},
		{"LEADMAGIC_MAX=5", []string{"LEADMAGIC_MAX_CREDITS"}},
		{"LEADMAGIC_EXCLUDE_TOOL=find_*", []string{"LEADMAGIC_EXCLUDE_TOOLS"}},
		{"LEADMAGIC_URL=https://mcp.example", []string{"LEADMAGIC_API_URL", "LEADMAGIC_MCP_URL"}},
		{"LEADMAGIC_KEY=lm_1", []string{"LEADMAGIC_API_KEY"}},
		{"LEADMAGIC_KEY_FILE=key", []string{"LEADMAGIC_API_KEY_FILE"}},
		{"LEADMAGIC_LOGLEVEL=debug", []string{"LEADMAGIC_LOG_LEVEL"}},
		{"LEADMAGIC_UPSTREAMS=rest", []string{"LEADMAGIC_UPSTREAM"}},
		{"LEADMAGIC_SOMETHING_ELSE_ENTIRELY=1", []string{}},
		{"LEADMAGIC_SANDBOX=1", []string{}},
		{"LEADMAGIC_=1", []string{}},
	}
	for _, tt := range tests {
		var want []string
		if tt.want != nil {
			name, _, _ := strings.Cut(tt.entry, "=")
			want = []string{name + " is set and means nothing to this program"}
		}
		if len(tt.want) > 0 {
			want[0] += "; did you mean " + strings.Join(tt.want, " or ") + "?"
		}
		if said := strayVariables([]string{"HOME=/", tt.entry}); !slices.Equal(said, want) {
			t.Errorf("%s: said %q, want %q", tt.entry, said, want)
		}
	}
	if got := strayVariables([]string{"Leadmagic_Read_Only=1"}); (len(got) == 0) != (runtime.GOOS == "windows") {
		t.Errorf("in another case: said %q", got)
	}
}

func TestHelpShowsTheOwnFlagsFirst(t *testing.T) {
	for _, command := range []string{"call", "tools", "install", "doctor", "login", "sandbox", "completion zsh"} {
		var out bytes.Buffer
		env := &Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
		if code := Run(t.Context(), env, append(strings.Fields(command), "--help")); code != 0 {
			t.Errorf("%s --help ends with %d", command, code)
		}
		_, flags, _ := strings.Cut(out.String(), "\nFlags:\n")
		own, global, found := strings.Cut(flags, "\nGlobal Flags:\n")
		switch {
		case !found || !regexp.MustCompile(`(?m)^  -h, --help +help for`).MatchString(own) || strings.Contains(own, "--read-only"):
			t.Errorf("%s: its own flags are not first:\n%s", command, out.String())
		case !regexp.MustCompile(`(?m)^      --read-only +offer only`).MatchString(global) || strings.Contains(global, "Flags:"):
			t.Errorf("%s: --read-only is not among the global flags:\n%s", command, out.String())
		}
	}
}
