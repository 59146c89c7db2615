package docs

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)`)
	image   = regexp.MustCompile(`(?:src|href|srcset)="([^"]+)"`)
	target  = regexp.MustCompile(`^\[[^\]]+\]: (\S+)`)
	heading = regexp.MustCompile(`^#{1,6} (.+?)\s*$`)
)

// TestEveryLinkLeadsSomewhere follows the links inside the repository, headings included, and reads the others.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := map[string]*page{}
	for _, p := range pages(t) {
		all[p.name] = p
	}
	for _, p := range all {
		for number, line := range p.prose() {
			found := append(link.FindAllStringSubmatch(line, -1), image.FindAllStringSubmatch(line, -1)...)
			for _, m := range append(found, target.FindAllStringSubmatch(line, -1)...) {
				if problem := follow(all, p, m[1]); problem != "" {
					t.Errorf("%s:%d: %s %s", p.name, number, m[1], problem)
				}
			}
		}
	}
}

// follow says what is wrong with a link on a page.
func follow(all map[string]*page, p *page, to string) string {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return "is no address"
	case u.Scheme == "https" || u.Scheme == "mailto":
		return ""
	case u.Scheme != "" || strings.HasPrefix(to, "/"):
		return "is neither https nor in this repository"
	}
	name := p.name
	if u.Path != "" {
		name = path.Join(path.Dir(p.name), u.Path)
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return "leads nowhere"
		}
	}
	if u.Fragment == "" {
		return ""
	}
	other := all[name]
	if other == nil {
		return "leads to a part of what is no page"
	}
	for _, line := range other.lines {
		if m := heading.FindStringSubmatch(line); m != nil && anchor(m[1]) == u.Fragment {
			return ""
		}
	}
	return "leads to no heading"
}

// anchor is the fragment that GitHub gives a heading.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}

func TestAnAnchorIsThatOfGitHub(t *testing.T) {
	for title, want := range map[string]string{
		"When something is wrong": "when-something-is-wrong",
		"`find_work_email`":       "find_work_email",
		"What is held, and what":  "what-is-held-and-what",
	} {
		if got := anchor(title); got != want {
			t.Errorf("%q: got %q, want %q", title, got, want)
		}
	}
}
