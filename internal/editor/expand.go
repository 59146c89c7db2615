package editor

import (
	"regexp"
	"strings"
)

// The syntaxes in which editors name a variable. What is not one of its own, an editor leaves as it is.
var (
	braced    = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)
	shellLike = regexp.MustCompile(`\$(?:([A-Za-z0-9_]+)|\{([^}]+?)(:-[^}]*)?\})`)
	prefixed  = regexp.MustCompile(`\$\{(env|file):([^}]*)\}`)
	curly     = regexp.MustCompile(`\{env:([^}]*)\}`)
)

// substitute replaces what re finds by what value says of its groups.
func substitute(re *regexp.Regexp, s string, value func(groups []string) string) string {
	var b strings.Builder
	end := 0
	for _, at := range re.FindAllStringSubmatchIndex(s, -1) {
		groups := make([]string, len(at)/2)
		for i := range groups {
			if at[2*i] >= 0 {
				groups[i] = s[at[2*i]:at[2*i+1]]
			}
		}
		b.WriteString(s[end:at[0]] + value(groups))
		end = at[1]
	}
	return b.String() + s[end:]
}

// orDefault is what ${NAME:-default} stands for if NAME is not set: unset, if there is no default.
func orDefault(dflt, unset string) string {
	if text, ok := strings.CutPrefix(dflt, ":-"); ok {
		return text
	}
	return unset
}

// claudeExpand: ${NAME}, ${NAME:-default}; unset, it stays as it is.
func claudeExpand(s string, p process) string {
	return substitute(braced, s, func(g []string) string {
		if v, ok := p.get(g[1]); ok {
			return v
		}
		return orDefault(g[2], g[0])
	})
}

// copilotExpand: $NAME too; unset, it stays as it is.
func copilotExpand(s string, p process) string {
	return substitute(shellLike, s, func(g []string) string {
		if v, ok := p.get(g[1] + g[2]); ok {
			return v
		}
		return orDefault(g[3], g[0])
	})
}

// geminiExpand: the same syntax, but unset it is empty; so is ${env:NAME}, taken for an odd name.
func geminiExpand(s string, p process) string {
	return substitute(shellLike, s, func(g []string) string {
		if v, ok := p.get(g[1] + g[2]); ok {
			return v
		}
		return orDefault(g[3], "")
	})
}

// prefixedExpand: ${env:NAME} of Cursor, VS Code and Cline; unset, it is empty.
func prefixedExpand(s string, p process) string {
	return substitute(prefixed, s, func(g []string) string {
		if g[1] != "env" {
			return g[0]
		}
		v, _ := p.get(g[2])
		return v
	})
}

// windsurfExpand: ${env:NAME}, and ${file:/path} for a file's content.
func windsurfExpand(s string, p process) string {
	return substitute(prefixed, s, func(g []string) string {
		if g[1] == "file" {
			return strings.TrimSpace(p.file(g[2]))
		}
		v, _ := p.get(g[2])
		return v
	})
}

// opencodeExpand: {env:NAME}; unset, it is empty. A dollar before it stays.
func opencodeExpand(s string, p process) string {
	return substitute(curly, s, func(g []string) string {
		v, _ := p.get(g[1])
		return v
	})
}
