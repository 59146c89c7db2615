package editor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// An ignoreRule is one line of a .gitignore file.
type ignoreRule struct {
	base    string // the folder it stands in, with slashes, below the root of the walk; empty: the root
	pattern *regexp.Regexp
	keep    bool // begins with !
	folders bool // ends with /
}

// ignoreRules reads the .gitignore file of a folder (gitignore(5)).
func ignoreRules(dir, base string) []ignoreRule {
	text, _, err := readRegular(filepath.Join(dir, ".gitignore"))
	if err != nil {
		return nil
	}
	var rules []ignoreRule
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if kept := strings.TrimRight(line, " "); !strings.HasSuffix(kept, `\`) {
			line = kept
		}
		if line == "" || line[0] == '#' {
			continue
		}
		r := ignoreRule{base: base}
		line, r.keep = strings.CutPrefix(line, "!")
		line, r.folders = strings.CutSuffix(line, "/")
		anchored := strings.Contains(line, "/")
		line = strings.TrimPrefix(line, "/")
		expr := glob(line)
		if !anchored {
			expr = "(?:.*/)?" + expr
		}
		if r.pattern, err = regexp.Compile("^" + expr + "$"); err == nil {
			rules = append(rules, r)
		}
	}
	return rules
}

// glob is a pattern of .gitignore as a regular expression.
func glob(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch c := pattern[i]; {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case rest == "**":
			b.WriteString(".+")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' && strings.Contains(rest[1:], "]"):
			end := strings.IndexByte(rest[1:], ']') + 1
			class := strings.ReplaceAll(rest[1:end], `\`, `\\`)
			if not, ok := strings.CutPrefix(class, "!"); ok {
				class = "^/" + not
			}
			b.WriteString("[" + class + "]")
			i += end
		case c == '\\' && len(rest) > 1:
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

// ignored says whether the rules leave a path out: the last that fits decides.
func ignored(rules []ignoreRule, name string, folder bool) bool {
	out := false
	for _, r := range rules {
		rel := name
		if r.base != "" {
			var below bool
			if rel, below = strings.CutPrefix(name, r.base+"/"); !below {
				continue
			}
		}
		if (folder || !r.folders) && r.pattern.MatchString(rel) {
			out = !r.keep
		}
	}
	return out
}

// walk lists the regular files below a folder that no .gitignore leaves out. Folders that cannot be read
// are passed over.
func walk(ctx context.Context, root string) ([]string, error) {
	var files []string
	var rules []ignoreRule
	// The folder that was named may be a link: with a separator behind it, what it leads to is walked.
	root += string(filepath.Separator)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if d != nil && d.IsDir() && !errors.Is(err, os.ErrNotExist) && file != root {
				return fs.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := path.Clean(filepath.ToSlash(rel))
		switch {
		case name == ".":
			rules = append(rules, ignoreRules(file, "")...)
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || ignored(rules, name, true)):
			return fs.SkipDir
		case d.IsDir():
			rules = append(rules, ignoreRules(file, name)...)
		case d.Type().IsRegular() && !ignored(rules, name, false):
			files = append(files, file)
		}
		return nil
	})
	return files, err
}
