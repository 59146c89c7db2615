package cli

import (
	"slices"
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
	if bad := s.fill(func(name string) string { return variables[name] }); bad != nil {
		return s, bad
	}
	return s, problem.As(s.check())
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
