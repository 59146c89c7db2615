package docs

import (
	"fmt"
	"strings"
	"testing"
)

// sections write the parts of pages that come from the program itself. Each gets the words that stand in the comment
// behind its name.
var sections = map[string]func(t *testing.T, args []string) string{
	"editors":    editorTable,
	"editor":     editorPage,
	"team-files": teamFiles,
	"tools":      toolReference,
	"settings":   settingTable,
	"benchmark":  benchmarkTable,
	"probes":     probeTable,
	"walls":      wallTable,
}

// TestGeneratedSectionsAreCurrent compares what stands between <!-- generated: NAME ARG … --> and <!-- end --> with
// what the section of that name writes.
func TestGeneratedSectionsAreCurrent(t *testing.T) {
	used := map[string]bool{}
	for _, p := range pages(t) {
		var out []string
		for i := 0; i < len(p.lines); i++ {
			out = append(out, p.lines[i])
			m := comment.FindStringSubmatch(p.lines[i])
			if m == nil || m[1] != "generated" {
				continue
			}
			args := strings.Fields(m[2])
			section := sections[args[0]]
			if section == nil {
				t.Fatalf("%s:%d: no section is named %s", p.name, i+1, args[0])
			}
			used[m[2]], used[args[0]] = true, true
			from := i + 1
			for i++; i < len(p.lines) && p.lines[i] != "<!-- end -->"; i++ {
			}
			if i == len(p.lines) {
				t.Fatalf("%s:%d: this section has no end", p.name, from)
			}
			want := "\n" + strings.Trim(section(t, args[1:]), "\n") + "\n"
			got := strings.Join(p.lines[from:i], "\n")
			if got != want && !*update {
				t.Errorf("%s:%d: %s is not current: go test ./internal/docs -update", p.name, from, difference(got, want))
			}
			out = append(out, strings.Split(want, "\n")...)
			out = append(out, p.lines[i])
		}
		if text := strings.Join(out, "\n"); *update && text != p.text() {
			write(t, p.name, text)
		}
	}
	for name := range sections {
		if !used[name] {
			t.Errorf("no page has the section %s", name)
		}
	}
}

// difference is the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("%q (it should be %q)", g[i], w[i])
		}
	}
	return fmt.Sprintf("a section of %d lines (it should have %d)", len(g), len(w))
}

// table is a table of Markdown.
func table(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return b.String()
}

func inCode(s string) string { return "`" + s + "`" }

func fenced(language, text string) string {
	return "```" + language + "\n" + strings.Trim(text, "\n") + "\n```\n"
}
