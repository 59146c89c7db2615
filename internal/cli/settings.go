package cli

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/file"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// Where calls go unless it is said otherwise.
const (
	defaultMCPURL = "https://mcp.leadmagic.io/mcp"
	defaultAPIURL = "https://api.leadmagic.io"
)

// settings are the flags that every command takes. Each --some-thing has a variable LEADMAGIC_SOME_THING;
// the flag wins. Only --sandbox has none.
type settings struct {
	mcpURL, apiURL    string
	upstream          string
	authScheme        string
	toolTimeout       time.Duration
	caFile            string
	httpProxy         string
	logLevel, logFile string
	tools, exclude    patterns
	readOnly          bool
	maxCredits        float64
	forwardClientMeta bool
	sandbox           bool

	flags *pflag.FlagSet
	// mcp and api are the URLs as check has found them.
	mcp, api *url.URL
}

func newSettings() *settings {
	s := &settings{flags: pflag.NewFlagSet("leadmagic-mcp-proxy", pflag.ContinueOnError)}
	f := s.flags
	f.SortFlags = false
	f.StringVar(&s.upstream, "upstream", "auto", "what carries the calls: the hosted server (mcp), the REST API (rest), or the first that takes the key (auto)")
	f.StringVar(&s.mcpURL, "mcp-url", defaultMCPURL, "the hosted MCP server")
	f.StringVar(&s.apiURL, "api-url", defaultAPIURL, "the REST API")
	f.StringVar(&s.authScheme, "auth-scheme", "key", "how the key is sent: in LeadMagic's own header (key) or as a bearer token (bearer); or not at all, but the sign-in of login --web (oauth)")
	f.DurationVar(&s.toolTimeout, "tool-timeout", 0, "how long a tool may run, such as 90s; 0 is no limit")
	f.Var(&s.tools, "tools", "offer only the tools that match one of these patterns, such as find_*")
	f.Var(&s.exclude, "exclude-tools", "offer no tool that matches one of these patterns")
	f.BoolVar(&s.readOnly, "read-only", false, "offer only tools that are annotated as read-only; over REST these are the free ones")
	f.Float64Var(&s.maxCredits, "max-credits", 0, "how many credits this session may use, such as 50; without it there is no limit")
	f.StringVar(&s.caFile, "ca-file", "", "a PEM file with certificates to trust besides those of the system")
	f.StringVar(&s.httpProxy, "http-proxy", "", "the HTTP proxy to use, whatever HTTPS_PROXY says")
	f.StringVar(&s.logLevel, "log-level", "warn", "what to log: error, warn, info, debug or trace (the messages themselves)")
	f.StringVar(&s.logFile, "log-file", "", "the file to log to instead of stderr, with a line for each paid call")
	f.BoolVar(&s.forwardClientMeta, "forward-client-meta", false, "send the editor's own members of _meta on to LeadMagic")
	f.BoolVar(&s.sandbox, "sandbox", false, "use the stand-in inside this program instead of LeadMagic: no account, no credits, invented data")
	return s
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "LEADMAGIC_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setting is what a flag is called where something is wrong with it.
func setting(flag string) string { return "--" + flag + " (" + variable(flag) + ")" }

// variables are those of all flags.
func (s *settings) variables() (names []string) {
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "sandbox" {
			names = append(names, variable(f.Name))
		}
	})
	return names
}

// strayVariables are lines about variables whose names begin like those of this program and that it does not know: one may be
// a limit with a typing error, which limits nothing.
func strayVariables(environ []string) (said []string) {
	known := append(newSettings().variables(), auth.Variables()...)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		usual := strings.ToUpper(name)
		if !strings.HasPrefix(usual, "LEADMAGIC_") || strings.TrimSpace(value) == "" || slices.Contains(known, name) ||
			runtime.GOOS == "windows" && slices.Contains(known, usual) {
			continue
		}
		line := problem.PrintableLine(name, problem.MaxName) + " is set and means nothing to this program"
		if near := suggestions(usual, known); len(near) > 0 {
			line += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		said = append(said, line)
	}
	return said
}

// suggestions are the known names nearest to name.
func suggestions(name string, known []string) []string {
	if slices.Contains(known, name) { // in another case
		return []string{name}
	}
	if nearest := auth.NearestVariable(name); nearest != "" {
		return []string{nearest}
	}
	spelled := make(map[string]string, len(known))
	bare := func(name string) string { return strings.ReplaceAll(strings.TrimPrefix(name, "LEADMAGIC_"), "_", "") }
	for _, name := range known {
		spelled[bare(name)] = name
	}
	name = bare(name)
	var near []string
	for letters := 0; len(near) == 0 && letters <= max(3, len(name)/2) && name != ""; letters++ {
		near = similar(name, slices.Sorted(maps.Keys(spelled)), letters)
	}
	for i := range near {
		near[i] = spelled[near[i]]
	}
	return near
}

// warnStray prints them to stderr.
func warnStray(env *Env) {
	for _, stray := range strayVariables(env.Environ()) {
		fmt.Fprintf(env.Stderr, "leadmagic-mcp-proxy: %s\n", stray)
	}
}

// patterns are patterns of tool names, separated by commas or line ends.
type patterns []string

func (p *patterns) String() string { return strings.Join(*p, ",") }

// Set adds to what was given before: the flag may stand several times.
func (p *patterns) Set(list string) error {
	*p = append(*p, strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(",\r\n", r) })...)
	return nil
}

// Type is what help calls the value.
func (p *patterns) Type() string { return "strings" }

// read takes from the environment what no flag has said, and refuses what cannot be meant, before anything is done. With
// --sandbox, which is a LeadMagic of its own, no address is taken.
func (s *settings) read(getenv func(string) string) *problem.Problem {
	var bad *problem.Problem
	s.flags.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value := strings.TrimSpace(getenv(name))
		if f.Changed || f.Name == "sandbox" || value == "" || s.sandbox && strings.HasSuffix(f.Name, "-url") {
			return
		}
		if err := f.Value.Set(value); err != nil && bad == nil {
			bad = badSetting(fmt.Sprintf("%s is %q: %v", name, value, err), "")
			return
		}
		f.Changed = true
	})
	s.caFile, s.logFile = file.BelowHome(s.caFile, getenv), file.BelowHome(s.logFile, getenv)
	if bad != nil {
		return bad
	}
	return s.check()
}

// A choice is a flag that takes one of a few values.
type choice struct {
	flag string
	of   []string
}

func choices() []choice {
	return []choice{
		{"upstream", []string{"auto", "mcp", "rest"}},
		{"auth-scheme", []string{"key", "bearer", "oauth"}},
		{"log-level", []string{"error", "warn", "info", "debug", "trace"}},
	}
}

func (s *settings) check() *problem.Problem {
	for _, c := range choices() {
		if value := s.flags.Lookup(c.flag).Value.String(); !slices.Contains(c.of, value) {
			return badSetting(fmt.Sprintf("%s is %q", setting(c.flag), value), "use one of "+strings.Join(c.of, ", "))
		}
	}
	for _, p := range []struct {
		flag string
		list patterns
	}{{"tools", s.tools}, {"exclude-tools", s.exclude}} {
		if s.set(p.flag) && strings.TrimSpace(strings.Join(p.list, "")) == "" {
			return badSetting(setting(p.flag)+" names no tool", "name some, such as find_*, or leave it out")
		}
		for _, pattern := range p.list {
			if _, err := path.Match(pattern, ""); err != nil {
				return badSetting(fmt.Sprintf("%s: the tool pattern %q cannot be read", setting(p.flag), pattern), "use *, ? and […] as in file names")
			}
		}
	}
	switch {
	case s.toolTimeout < 0:
		return badSetting(setting("tool-timeout")+" is negative", "use a time such as 90s, or 0 for no limit")
	case s.maxCredits < 0, s.maxCredits != s.maxCredits, s.set("max-credits") && s.maxCredits == 0:
		return badSetting(setting("max-credits")+" has to be more than 0", "leave it out for no limit, or use --read-only for free tools alone")
	case s.sandbox && (s.set("mcp-url") || s.set("api-url")):
		return badSetting("--sandbox is a LeadMagic of its own, and --mcp-url or --api-url names another", "leave out one of them")
	}
	for _, u := range []struct {
		flag, given string
		checked     **url.URL
	}{{"mcp-url", s.mcpURL, &s.mcp}, {"api-url", s.apiURL, &s.api}} {
		var err error
		if *u.checked, err = auth.CheckOrigin(u.given); err != nil {
			return badSetting(fmt.Sprintf("%s cannot be used: %v", setting(u.flag), err), problem.As(err).Next)
		}
	}
	// A key goes to no origin that was not named: who names one of the two means that one alone.
	onlyMCP, onlyAPI := s.set("mcp-url") && !s.set("api-url"), s.set("api-url") && !s.set("mcp-url")
	switch {
	case onlyMCP && s.upstream == "rest":
		return badSetting("--upstream rest uses --api-url, and only --mcp-url is given", "name the REST API with --api-url")
	case onlyAPI && s.upstream == "mcp":
		return badSetting("--upstream mcp uses --mcp-url, and only --api-url is given", "name the hosted server with --mcp-url")
	case onlyMCP:
		s.upstream = "mcp"
	case onlyAPI:
		s.upstream = "rest"
	}
	switch {
	case s.authScheme != "oauth":
	case s.sandbox:
		return badSetting("--auth-scheme oauth is for a sign-in, and --sandbox has a key of its own", "leave out one of them")
	case s.upstream == "rest":
		return badSetting("--auth-scheme oauth is for the hosted server, and the settings name the REST API alone", "leave out one of them")
	default:
		s.upstream = "mcp"
	}
	return nil
}

// usesHTTPS reports whether calls leave this machine. It is for settings that check has found good.
func (s *settings) usesHTTPS() bool {
	return !s.sandbox && (s.upstream != "rest" && s.mcp.Scheme == "https" || s.upstream != "mcp" && s.api.Scheme == "https")
}

func (s *settings) set(flag string) bool { return s.flags.Changed(flag) }

func (s *settings) level() slog.Level {
	level := slog.LevelWarn
	if s.logLevel == "trace" {
		return levelTrace
	}
	_ = level.UnmarshalText([]byte(s.logLevel)) // another word was refused, and is explained at this level
	return level
}

// badSetting says what is wrong with a setting. What was given may be the key, in the wrong place.
func badSetting(what, next string) *problem.Problem {
	return problem.New(problem.BadSetting, problem.NotSent, keyscan.Hide(what), next)
}
