package editor

import (
	"path/filepath"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// The syntaxes in which editors name a variable. What is not one of its own, an editor leaves as it is.
var (
	braced    = lazyregexp.New(`\$\{([^}]+)\}`)
	shellLike = lazyregexp.New(`\$(?:([A-Za-z0-9_]+)|\{([^}]+?)(:-[^}]*)?\})`)
	prefixed  = lazyregexp.New(`\$\{(env|file):([^}]*)\}`)
	folders   = lazyregexp.New(`\$\{(userHome|workspaceFolder|workspaceFolderBasename|pathSeparator|/)\}`)
	curly     = lazyregexp.New(`\{(env|file):([^}]*)\}`)
)

// substitute replaces what re finds by what value says of its groups.
func substitute(re *lazyregexp.Regexp, s string, value func(groups []string) string) string {
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

// claudeExpand: ${NAME}, ${NAME:-default}, where NAME may be anything; unset, it stays as it is.
func claudeExpand(s string, p process) string {
	return substitute(braced, s, func(g []string) string {
		words := strings.SplitN(g[1], ":-", 3)
		v, ok := p.get(words[0])
		switch {
		case ok:
			return v
		case len(words) > 1:
			return words[1]
		}
		return g[0]
	})
}

// fill is how most editors replace references: the first two groups of re are a name, and the third is a default with its
// sign. One that is not set stays as it is, or else becomes empty.
func fill(re *lazyregexp.Regexp, stays bool) func(string, process) string {
	return func(s string, p process) string {
		return substitute(re, s, func(g []string) string {
			unset := ""
			if stays {
				unset = g[0]
			}
			if v, ok := p.get(g[1] + g[2]); ok {
				return v
			}
			return orDefault(g[3], unset)
		})
	}
}

var (
	copilotExpand  = fill(shellLike, true)
	geminiExpand   = fill(shellLike, false) // ${env:NAME} too is empty: an odd name
	qwenExpand     = fill(lazyregexp.New(`\$(?:([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)()\})`), true)
	bracedExpand   = fill(lazyregexp.New(`\$\{()([A-Za-z_][A-Za-z0-9_]*)()\}`), true)
	prefixedExpand = fill(lazyregexp.New(`\$\{env:()([^}]*)()\}`), false)
	rooExpand      = fill(lazyregexp.New(`\$\{env:()([A-Za-z0-9_]+)()\}`), true)
	continueExpand = fill(lazyregexp.New(`\$\{\{ *secrets\.()([A-Za-z0-9_]+)() *\}\}`), true)
)

// foldersExpand: the same of Cursor and VS Code, and the names of folders.
func foldersExpand(s string, p process) string {
	s = substitute(folders, s, func(g []string) string {
		switch g[1] {
		case "workspaceFolder":
			return p.Folder
		case "workspaceFolderBasename":
			return filepath.Base(p.Folder)
		case "userHome":
			return p.home()
		}
		return string(filepath.Separator)
	})
	return prefixedExpand(s, p)
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

// opencodeExpand: {env:NAME}; unset, it is empty. {file:path} is a file's content. A dollar before them stays.
func opencodeExpand(s string, p process) string {
	return substitute(curly, s, func(g []string) string {
		if g[1] == "file" {
			return strings.TrimSpace(p.file(p.underHome(g[2])))
		}
		v, _ := p.get(g[2])
		return v
	})
}

// underHome is a path whose ~ is filled in.
func (p process) underHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(p.home(), rest)
	}
	return path
}

func (p process) home() string {
	name := "HOME"
	if p.GOOS == "windows" {
		name = "USERPROFILE"
	}
	home, _ := p.get(name)
	return home
}
