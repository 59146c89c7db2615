package editor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/keyscan"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/lazyregexp"
)

// yamlFormat is YAML. The parser says in which lines things begin; what an edit puts in or takes out are whole lines, and
// the parser has to find everything else in what comes of it.
type yamlFormat struct {
	list bool   // the servers are a list of objects, each with its name
	head string // lines without which the editor takes no file
}

// maxYAML is the most that is read: a parser of YAML can be kept busy for long.
const maxYAML = 256 << 10

// yamlSays is an error of the parser: its first line, up to a value.
var yamlSays = lazyregexp.New("^yaml: (?:unmarshal errors:\\s*)?(?:line (\\d+): )?([^\n`]*)")

// yamlError is an error of the parser as one of ours. The parser also counts U+0085, U+2028 and U+2029 as ends of lines.
func yamlError(doc []byte, err error) error {
	m := yamlSays.FindStringSubmatch(err.Error())
	if m == nil {
		return errors.New("this is no YAML")
	}
	line, _ := strconv.Atoi(m[1])
	return &SyntaxError{Line: max(min(line, 1+bytes.Count(doc, []byte("\n"))), 1), Column: 1, Problem: keyscan.Hide(strings.TrimSpace(m[2]))}
}

// parse reads the one document of a file; nil if there is nothing in it.
func (yamlFormat) parse(doc []byte) (*yaml.Node, error) {
	if len(doc) > maxYAML {
		return nil, fmt.Errorf("the file has more than %d KiB", maxYAML>>10)
	}
	if !utf8.Valid(doc) {
		return nil, errors.New("the file is not in UTF-8")
	}
	var first, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(doc))
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		err = dec.Decode(&second)
	}
	switch {
	case err == nil:
		return nil, &SyntaxError{Line: second.Line, Column: 1, Problem: "another document begins here, where one is due"}
	case !errors.Is(err, io.EOF):
		return nil, yamlError(doc, err)
	}
	root := first.Content[0]
	if root.Tag == "!!null" && root.Value == "" { // three dashes
		return nil, nil
	}
	return root, nil
}

func (f yamlFormat) decode(doc []byte) (map[string]any, error) {
	root, err := f.parse(doc)
	if err != nil || root == nil {
		return nil, err
	}
	var m map[string]any
	if err := root.Decode(&m); err != nil {
		return nil, yamlError(doc, err)
	}
	for name, value := range m {
		m[name] = withNames(value)
		if items, ok := m[name].([]any); f.list && ok {
			m[name] = byName(items)
		}
	}
	return m, nil
}

// withNames is a value whose members all have texts for names: in YAML they may be numbers too.
func withNames(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = withNames(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = withNames(value[name])
		}
	case map[any]any:
		m := make(map[string]any, len(value))
		for name, v := range value {
			text, ok := name.(string)
			if !ok {
				text = fmt.Sprintf("%v (%[1]T)", name) // 0, 0.0 and "0" are three names
			}
			m[text] = withNames(v)
		}
		return m
	}
	return value
}

// byName are the items of a list under their names. One without is under its number, and so is one whose name another
// has: which of the two an editor takes is not known.
func byName(items []any) map[string]any {
	m := map[string]any{}
	for i, item := range items {
		o, _ := item.(map[string]any)
		name, _ := o["name"].(string)
		if _, taken := m[name]; name == "" || taken {
			name = "#" + strconv.Itoa(i+1)
		}
		m[name] = item
	}
	return m
}

// child is the key and the value of a member, or twice the item of that name.
func (f yamlFormat) child(parent *yaml.Node, name string) (key, value *yaml.Node) {
	if parent.Kind == yaml.SequenceNode {
		for _, item := range parent.Content {
			if _, v := f.child(item, "name"); v != nil && v.Value == name {
				return item, item
			}
		}
	}
	for i := 0; parent.Kind == yaml.MappingNode && i < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			return parent.Content[i], parent.Content[i+1]
		}
	}
	return nil, nil
}

func (f yamlFormat) find(doc []byte, path []string) (value any, line int, found bool, err error) {
	value, found, err = valueAt(f, doc, path)
	if err != nil || !found {
		return nil, 0, false, err
	}
	at, err := f.parse(doc)
	for _, name := range path {
		// A value from an alias or a merge has no line of its own.
		key, below := f.child(at, name)
		if key == nil {
			break
		}
		at, line = below, key.Line
	}
	return value, max(line, 1), true, err
}

// yamlLines are the lines of a file with their ends, and where the servers are in them.
type yamlLines struct {
	lines  []string
	end    string
	rooted bool       // the file has something in it
	indent string     // of the root's members
	key    *yaml.Node // of the servers; nil if they are not there
	items  *yaml.Node // nil if there are none
	entry  *yaml.Node // its key
	last   int        // column of the members of items
}

// errLines says that things do not begin in lines of their own.
func errLines(line int, name string) error {
	return &SyntaxError{Line: line, Column: 1, Problem: fmt.Sprintf("%q is not written in lines of its own; write it so, or edit the file by hand", name)}
}

// open reads a file that is to be edited.
func (f yamlFormat) open(doc []byte, path []string) (*yamlLines, error) {
	root, err := f.parse(doc)
	if err != nil {
		return nil, err
	}
	if bytes.Count(doc, []byte("\r")) != bytes.Count(doc, []byte("\r\n")) || bytes.ContainsAny(doc, "\u0085\u2028\u2029") {
		return nil, errors.New("the file has ends of lines that editors do not agree on; edit it by hand")
	}
	y := &yamlLines{lines: slices.Collect(strings.Lines(string(doc))), end: lineEnd(doc)}
	if root == nil {
		return y, nil
	}
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		return nil, errLines(root.Line, path[0])
	}
	y.rooted, y.indent = true, strings.Repeat(" ", root.Content[0].Column-1)
	var value *yaml.Node
	if y.key, value = f.child(root, path[0]); y.key == nil {
		return y, nil
	}
	kind := yaml.MappingNode
	if f.list {
		kind = yaml.SequenceNode
	}
	switch {
	case value.Kind != kind || value.Style&yaml.FlowStyle != 0:
		if _, ok := emptied(y.lines[y.key.Line-1], path[0]); !ok || len(value.Content) > 0 {
			return nil, errLines(y.key.Line, path[0])
		}
		return y, nil
	case f.list: // the column of the dash
		y.last = len(indentOf(y.lines[value.Content[0].Line-1]))
	default:
		y.last = value.Content[0].Column - 1
	}
	y.items = value
	y.entry, _ = f.child(value, path[1])
	if y.entry != nil && f.indentOfNode(y.entry, y.lines[y.entry.Line-1]) != y.last {
		return nil, errLines(y.entry.Line, path[1])
	}
	return y, nil
}

// indentOfNode returns how many blanks precede a node, or the dash of its list item, in its line; -1 if anything else does.
func (f yamlFormat) indentOfNode(n *yaml.Node, line string) int {
	head, dash := line[:min(n.Column-1, len(line))], ""
	if f.list {
		dash = "-"
	}
	rest := strings.TrimLeft(head, " ")
	if strings.TrimRight(rest, " ") != dash {
		return -1
	}
	return len(head) - len(rest)
}

func indentOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " "))] }

// noServers is a member without a value, or with an empty one.
var noServers = lazyregexp.New(`^( *["']?[\w.-]+["']? *:)(?: +(?:\{ *\}|\[ *\]|~|null))?( *(?: #[^\r\n]*)?\r?\n?)$`)

// emptied is the line of a member without servers, without its value.
func emptied(line, name string) (string, bool) {
	m := noServers.FindStringSubmatch(line)
	if m == nil || !strings.Contains(m[1], name) {
		return "", false
	}
	return m[1] + m[2], true
}

// past returns the first line after the block that begins in line from at a column: the next line that begins at that
// column or before it. Blank lines and comments after the block are not part of it, except comments that are further in.
func (y *yamlLines) past(from, column int, comments bool) int {
	end := from + 1
	for i, line := range y.lines[end:] {
		text := strings.TrimSpace(line)
		in := len(indentOf(line))
		switch {
		case text == "":
		case in > column, comments && in == column && text[0] == '#':
			end = from + 2 + i
		case text[0] != '#':
			return end
		}
	}
	return end
}

// behind returns the line before which another server is inserted: after the last one, and the comments that are as far in.
func (y *yamlLines) behind() int {
	last := y.items.Content[len(y.items.Content)-1]
	if y.items.Kind == yaml.MappingNode {
		last = y.items.Content[len(y.items.Content)-2]
	}
	return y.past(last.Line-1, y.last, y.last > len(y.indent))
}

// replace puts lines in place of others.
func (y *yamlLines) replace(from, to int, text string) []byte {
	return []byte(strings.Join(y.lines[:from], "") + text + strings.Join(y.lines[to:], ""))
}

func (f yamlFormat) set(doc []byte, path []string, value Object) ([]byte, error) {
	out, err := editLines(f, doc, path, f.head, func(doc []byte) ([]byte, error) {
		y, err := f.open(doc, path)
		if err != nil {
			return nil, err
		}
		in, unit := strings.Repeat(" ", y.last), "  "
		if y.items == nil {
			in = y.indent + unit
		} else if !f.list {
			unit = in[len(y.indent):]
		}
		text := f.text(path[1], value, in, unit, y.end)
		switch n := len(y.lines); {
		case y.entry != nil:
			from := y.entry.Line - 1
			return y.replace(from, y.past(from, y.last, false), text), nil
		case y.items != nil:
			return y.replace(y.behind(), y.behind(), text), nil
		case y.key != nil:
			at := y.key.Line - 1
			line, _ := emptied(y.lines[at], path[0])
			to := y.past(at, len(y.indent), false) // behind its comments
			return y.replace(at, to, line+strings.Join(y.lines[at+1:to], "")+text), nil
		case y.rooted:
			return y.replace(n, n, y.indent+path[0]+":"+y.end+text), nil
		default:
			return y.replace(n, n, f.headText(y.end)+path[0]+":"+y.end+text), nil
		}
	})
	if err != nil {
		return nil, err
	}
	if _, found, err := valueAt(f, out, path); err != nil || !found { // below a member without a name, say
		return nil, errLines(1, path[0])
	}
	return out, nil
}

// remove takes the entry's lines away. Servers that are none then become what they were before, or go as well.
func (f yamlFormat) remove(doc []byte, path []string, before []byte) ([]byte, error) {
	return editLines(f, doc, path, f.head, func(doc []byte) ([]byte, error) {
		y, err := f.open(doc, path)
		if err != nil || y.entry == nil {
			return doc, err
		}
		from := y.entry.Line - 1
		to, text := y.past(from, y.last, false), ""
		only := len(y.items.Content) == 1 || y.items.Kind == yaml.MappingNode && len(y.items.Content) == 2
		if key := y.key.Line - 1; only {
			between := strings.Join(y.lines[key+1:from], "")
			_, before := cutBOM(before)
			was, err := f.open(before, path)
			switch line := y.lines[key]; {
			case err == nil && was.key != nil:
				text = was.lines[was.key.Line-1]
			case strings.Contains(line, "#") || !blank(between):
				text = line
			case err == nil && !was.rooted && blank(strings.Join(y.lines[to:], "")) && strings.HasSuffix(strings.Join(y.lines[:key], ""), f.headText(y.end)):
				key -= strings.Count(f.head, "\n")
			}
			if from = key; text != "" {
				text = strings.TrimRight(text, "\r\n") + y.end + between
			}
		}
		return y.replace(from, to, text), nil
	})
}

func (f yamlFormat) headText(end string) string { return strings.ReplaceAll(f.head, "\n", end) }

// text is an entry in lines. unit is one step of indentation.
func (f yamlFormat) text(name string, value Object, in, unit, end string) string {
	if f.list {
		text := textYAML(append(Object{{"name", name}}, value...), in+"  ", unit, end)
		return in + "- " + strings.TrimPrefix(text, in+"  ")
	}
	return textYAML(Object{{name, value}}, in, unit, end)
}

// textYAML is an object in lines. Lists stand in one line: ours are short.
func textYAML(o Object, in, unit, end string) string {
	var b strings.Builder
	for _, m := range o {
		b.WriteString(in + quoteYAML(m.Name) + ":")
		switch v := m.Value.(type) {
		case Object:
			b.WriteString(end + textYAML(v, in+unit, unit, end))
		case string:
			b.WriteString(" " + quoteYAML(v) + end)
		default:
			b.WriteString(" " + textJSON(v, layout{}) + end)
		}
	}
	return b.String()
}

// plainYAML is a text that needs no quotes: a name or a path, but no word that means something else.
var (
	plainYAML = lazyregexp.New(`^[A-Za-z_/][A-Za-z0-9_/.+-]*$`)
	yamlWord  = lazyregexp.New(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
)

// quoteYAML is a text as YAML. The JSON form is one, but for a few letters that YAML takes for ends of lines.
func quoteYAML(s string) string {
	if plainYAML.MatchString(s) && !yamlWord.MatchString(s) {
		return s
	}
	return strings.NewReplacer("\x7f", `\u007f`, "\u0085", `\u0085`).Replace(quoteJSON(s))
}
