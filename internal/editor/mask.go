package editor

import (
	"bytes"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// secrets are quoted values under a name that speaks of a secret, or after an option that does.
var secrets = []*lazyregexp.Regexp{
	lazyregexp.New(`(?i)(["']?[\w.-]*` + telling + `[\w.-]*["']?\s*[:=]\s*["'])([^"'\n]+)`),
	lazyregexp.New(`(?im)((?:^[ -]*|[{,] *)[\w.-]*` + telling + `[\w.-]* *: +)([^"'\s#\[{|>&*][^\n,}]*)`), // YAML
	lazyregexp.New(`(?i)(["']--?[\w-]*` + telling + `[\w-]*(?:["']\s*,\s*["']|=))([^"'\n]+)`),
}

// telling are the words in a name that speak of a secret.
const telling = `(?:key|token|secret|passw|auth|credential|cookie)`

// where is the end of a name that speaks of where a secret is or how it is sent, such as --auth-scheme: its
// value is none.
var where = lazyregexp.New(`(?i)(?:file|path|command|scheme)["'\s:=,]*$`)

// masked is a text to be shown: the values of secrets, ours and other people's, are hidden in it. Lines
// stay where they are.
func masked(text []byte) []byte {
	for _, re := range secrets {
		text = re.ReplaceAllFunc(text, func(m []byte) []byte {
			at := re.FindSubmatchIndex(m)
			if !isLiteral(string(m[at[4]:at[5]])) || where.Match(m[at[2]:at[3]]) {
				return m
			}
			return append(bytes.Clone(m[:at[4]]), keyscan.Hidden...)
		})
	}
	return []byte(keyscan.Hide(string(keyscan.Replace(text, keyscan.Hidden))))
}

// references are the ways in which files name a value instead of holding it: variables of all kinds,
// templates, commands, and the name of the variable itself (Codex: env_http_headers).
var references = lazyregexp.New("^(\\$|%[A-Za-z_]+%|\\{+ *(env|file|secrets?)|\\{\\{|<|`|@|#|!|op://|vault:|ENC\\[|LEADMAGIC_|leadmagic_|process\\.env|os\\.|env\\.|None$|null$|true$|false$|string$|\\*+$|\\.+$|…)")

// isLiteral says whether a value is one, and not a reference or a sample.
func isLiteral(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || references.MatchString(v) || keyscan.Sample(v) {
		return false
	}
	// Bearer ${…} and the like
	_, last, _ := strings.Cut(v, " ")
	return !strings.HasPrefix(last, "$") && !strings.HasPrefix(last, "{")
}
