package editor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// entry is what the tests of the formats put into files.
var entry = Object{{"type", "stdio"}, {"command", `C:\Program Files\x.exe`}, {"env", Object{{"A", "${env:A}"}}}, {"args", []any{"a", "b"}}}

func FuzzJSONSetThenRemoveIsTheIdentity(f *testing.F) {
	for _, doc := range []string{
		"", " ", "\n", "{}", "{ }", "{\n}\n", "{}\n", "// only a comment", "/* c */\n", "{ // c\n}", "{/* c */}", "\xef\xbb\xbf{}",
		`{"mcpServers":{}}`, "{\"mcpServers\": {\n  }\n}", `{"mcpServers":{"a":{"command":"x"}}}`, `{"a":1,}`, `{"a":[1,2,],}`,
		"{\n  \"a\": 1\n}", "{\r\n\t\"a\": 1,\r\n\t\"mcpServers\": {\r\n\t\t\"b\": {}, // c\r\n\t},\r\n}\r\n",
		"{\n    // before\n    \"mcpServers\": { \"b\": {} } /* after */ , // end\n}", "{\"a\":1\n/*x*/}", "{\"a\":1 // x\n}",
		"{\n  \"a\": 1\n  // , \"b\": 2\n}\n// end", "{\"mcpServers\": {\"b\": {} /* c */, }}", `[1]`, `{"mcpServers":[]}`,
		"{\n\"a\":1}", "{ \"a\": 1\n  }", "{\"mcpServers\": {\n    \"b\": 1, \"c\": 2\n  }\n}", "{\"\\u006dcpServers\": {}}", "{\r}", "\r", "{\n\r\"\":0,\n}",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { identity(t, jsonFormat{}, doc, []string{"mcpServers", "leadmagic"}) })
}

func FuzzTOMLSetThenRemoveIsTheIdentity(f *testing.F) {
	for _, doc := range []string{
		"", " ", "\n", "\n\n", "a = 1", "a = 1\n", "a = 1\n\n", "# c", "# c\r\n", "\xef\xbb\xbfa = 1\n", "\ufeff\ufeff", "\r", "a=1\r\n[b]\r\nc=2",
		"[mcp_servers]\n", "[mcp_servers.b]\ncommand = \"x\"\n", "mcp_servers.b.command = 'x'\n", "mcp_servers = {}\n",
		"mcp_servers = { b = { command = 'x' } }\n", "[[mcp_servers]]\n", "mcp_servers = 1\n", "[mcp_servers.b]\n# c\n[mcp_servers.c] # d",
		"x = nan\n", "s = \"\"\"\n[mcp_servers.leadmagic]\n\"\"\"\n", "d = 1979-05-27T07:32:00Z\n", "[\"mcp_servers\".\"b\"]\n", "a = [\n 1, # c\n]\n",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { identity(t, tomlFormat{}, doc, []string{"mcp_servers", "leadmagic"}) })
}

func FuzzYAMLSetThenRemoveIsTheIdentity(f *testing.F) {
	for _, doc := range []string{
		"", " ", "\n", "\n\n", "# c", "# c\r\n", "---\n", "---\n# c\na: 1\n", "a: 1", "a: 1\n", "a: 1\n\n", "\xef\xbb\xbfa: 1\r\nb: 2", "...\n", "\ufeff\ufeff", "\r", "a: 1\n...\n", "a: 1\n---\nb: 2\n",
		"extensions:\n", "extensions: {} # c\n", "extensions: {}", "extensions: null\na: 1\n", "extensions: []\n", "extensions: ~", "extensions: {a: {cmd: x}}\n", "{extensions: {}}\n", "{}", "[]", "- a\n",
		"extensions:\n  a:\n    cmd: x # c\n\n  # last\n\nb: 1\n", "extensions:\n    a: {cmd: x}\n# c\n", "extensions:\n  a:\n    cmd: x", "extensions:\n- name: a\n  command: x\nb: 1\n",
		"extensions:\n  - name: a\n\n  -   command: x\n      name: leadmagic\n  # c\n", "extensions:\n  -\n    name: leadmagic\n", "extensions: &x\n  a: &y {cmd: x}\nb: *x\nc: *y\n",
		"d: &d {cmd: x}\nextensions:\n  <<: *d\n  a: *d\n", "d: &d\n  a: {}\nextensions: *d\n", "extensions:\n  ? a\n  : cmd: x\n", "\"extensions\":\n  'a': 1\n", "  extensions:\n    a: 1\n  b: 2\n",
		"a: |\n  text\n", "a: |\n  text", "a: |+\n  text\n\n", "a: >-\n  # no comment\n  text\n\n", "extensions:\n  a: |\n    # no comment\n\n", "a: \"x\nleadmagic: y\"\n", "a:\n\tb: 1\n", "a: 1\na: 2\n",
		"extensions:\n  a: 1\n  a: 2\n", "a: .nan\nb: 2001-01-01\n", "a: !!binary aGk=\n", "? [a, b]\n: 1\n", "  ? \n  :", "extensions:\n   # c", "extensions: {}\n    # c\n\na: 1\n", "extensions: {}\n  # c", "extensions:\n  0: 1\nb: {1: 2}\n", "a:\n  0: 1\n  0.: 2\n  \"0\": 3\n", "\"\r", "1: 2\n", "a: \u2028b\n", "a: 1\rb: 2\n", "a: \u0085b: 1\n", "extensions:\n  leadmagic:\n    name: x\n    # c\n  b: 1\n",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, format := range []yamlFormat{{}, {list: true, head: "name: x\nversion: 1.0.0\n"}} {
			identity(t, format, doc, []string{"extensions", "leadmagic"})
		}
	})
}

// VS Code's question for the key is a second edit of the same file.
func FuzzAQuestionLeavesNoTrace(f *testing.F) {
	for _, doc := range []string{
		"", "{}", `{"inputs":[]}`, `{"inputs": [ ], "servers": { }}`, "{\n  \"inputs\": [\n    {\"id\": \"a\"}, // c\n  ],\n}\n", `{"inputs":[1,2,],"servers":{"b":{}}}`,
		"{\"inputs\": [\n]}", `{"inputs": {}}`, "{\"inputs\": [{\"id\": \"a\"} /* c */]}\r\n",
	} {
		f.Add([]byte(doc))
	}
	e, _ := Lookup("vscode")
	f.Fuzz(func(t *testing.T, doc []byte) {
		if bytes.Contains(doc, []byte("leadmagic")) {
			return // the question may be there already
		}
		set, err := e.with(doc, Name, Command{Path: "x", Vars: []string{KeyVariable}, Prompt: true})
		if err != nil {
			return
		}
		if _, ok := subsequence(doc, set); !ok {
			t.Fatalf("%q became %q", doc, set)
		}
		removed, err := e.without(set, Name, doc)
		if err != nil || !bytes.Equal(removed, doc) {
			t.Fatalf("%q became %q, and that %q (%v)", doc, set, removed, err)
		}
	})
}

// identity checks what every edit must keep to, whatever the file is.
func identity(t *testing.T, f format, doc []byte, path []string) {
	original := bytes.Clone(doc)
	set, err := f.set(doc, path, entry)
	if !bytes.Equal(doc, original) {
		t.Fatalf("set changed its input: %q became %q", original, doc)
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) && (syntax.Line < 1 || syntax.Column < 1 || syntax.Line > 1+bytes.Count(doc, []byte("\n"))) {
		t.Fatalf("an error outside of the file %q: %v", doc, err)
	}
	if err != nil {
		return
	}
	value, line, found, err := f.find(set, path)
	if err != nil || !found || line < 1 {
		t.Fatalf("set %q to %q, then find says %v %v", doc, set, found, err)
	}
	if !satisfies(value, entry) {
		t.Fatalf("set %q to %q, then find has %v", doc, set, value)
	}
	other := slices.Clone(entry)
	if other[1].Value = "another"; satisfies(value, other) {
		t.Fatalf("another command passes for %v", value)
	}
	again, err := f.set(set, path, entry)
	if err != nil || !bytes.Equal(again, set) {
		t.Fatalf("a second set makes %q of %q (%v)", again, set, err)
	}
	if _, _, had, _ := f.find(doc, path); had {
		return // what was there before is gone
	}
	small := original
	if _, ok := f.(yamlFormat); ok { // an empty value goes
		small = regexp.MustCompile(`(extensions["']? *:) +(\{ *\}|\[ *\]|~|null)`).ReplaceAll(original, []byte("$1"))
	}
	if i, ok := subsequence(small, set); !ok {
		t.Fatalf("set made %q of %q: byte %d is lost", set, original, i)
	}
	if absent, err := f.remove(original, path, nil); err != nil || !bytes.Equal(absent, original) {
		t.Fatalf("removing what is not there made %q of %q (%v)", absent, original, err)
	}
	removed, err := f.remove(set, path, original)
	if err != nil || !bytes.Equal(removed, original) {
		t.Fatalf("set made %q of %q, remove made %q of that (%v)", set, original, removed, err)
	}
	blind, err := f.remove(set, path, nil)
	if err != nil {
		t.Fatalf("removing from %q without a backup: %v", set, err)
	}
	if i, ok := subsequence(bytes.Join(bytes.Fields(blind), nil), original); !ok {
		t.Fatalf("without a backup %q became %q: byte %d is new", original, blind, i)
	}
}

// subsequence says whether all of small stands in large in the same order, or which byte does not.
func subsequence(small, large []byte) (int, bool) {
	i := 0
	for _, c := range large {
		if i < len(small) && small[i] == c {
			i++
		}
	}
	return i, i == len(small)
}

func TestRemoveWithoutABackupRestoresAllButEmptyLists(t *testing.T) {
	for _, doc := range []string{
		`{"a":1}`, "{\n  \"a\": 1\n}\n", "{\n  \"mcpServers\": {\n    \"b\": {}\n  }\n}\n", "{\n  \"a\": 1, // c\n}\n", "// c\n{ // d\n}\n",
	} {
		set, err := jsonFormat{}.set([]byte(doc), []string{"mcpServers", "leadmagic"}, entry)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jsonFormat{}.remove(set, []string{"mcpServers", "leadmagic"}, nil)
		if err != nil || string(got) != doc {
			t.Errorf("%q came back as %q (%v)", doc, got, err)
		}
	}
}

func TestSetWritesAsTheFileIsWritten(t *testing.T) {
	tests := []struct {
		name, doc, want string
	}{
		{"an empty file becomes an object", "", "{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }\n  }\n}\n"},
		{"an empty object is opened", "{}", "{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }\n  }\n}"},
		{"a comment stays above", "// c\n", "// c\n{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }\n  }\n}\n"},
		{"tabs stay tabs", "{\n\t\"a\": 1\n}\n", "{\n\t\"a\": 1,\n\t\"s\": {\n\t\t\"n\": {\n\t\t\t\"c\": \"x\"\n\t\t}\n\t}\n}\n"},
		{"four blanks stay four", "{\n    \"a\": 1\n}", "{\n    \"a\": 1,\n    \"s\": {\n        \"n\": {\n            \"c\": \"x\"\n        }\n    }\n}"},
		{"Windows line ends stay", "{\r\n  \"s\": {\r\n    \"b\": {}\r\n  }\r\n}\r\n", "{\r\n  \"s\": {\r\n    \"b\": {},\r\n    \"n\": {\r\n      \"c\": \"x\"\r\n    }\r\n  }\r\n}\r\n"},
		{"as many line ends of Windows as others", "{\r\n  \"a\": 1\n}", "{\r\n  \"a\": 1,\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }\n  }\n}"},
		{"one line stays one line", `{"s":{"b":{}}}`, `{"s":{"b":{},"n":{"c":"x"}}}`},
		{"an object without blanks in a file with blanks", `{"s": {"b":{}}}`, `{"s": {"b":{},"n":{"c":"x"}}}`},
		{"one line with blanks too", `{"s": {"b": {}}}`, `{"s": {"b": {}, "n": {"c": "x"}}}`},
		{"an empty object in one line is filled", `{"s":{},"a":1}`, `{"s":{"n":{"c":"x"}},"a":1}`},
		{"a trailing comma stays the habit", "{\n  \"s\": {\n    \"b\": {},\n  },\n}", "{\n  \"s\": {\n    \"b\": {},\n    \"n\": {\n      \"c\": \"x\"\n    },\n  },\n}"},
		{"a comment behind the last member stays there", "{\n  \"a\": 1 // c\n}", "{\n  \"a\": 1, // c\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }\n  }\n}"},
		{"an entry is replaced where it stands", "{\n  \"s\": {\n    \"n\": {\"old\": 1}, // c\n    \"b\": {}\n  }\n}", "{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\"\n    }, // c\n    \"b\": {}\n  }\n}"},
		{"a byte order mark stays", "\xef\xbb\xbf{\"a\":1}", "\xef\xbb\xbf{\"a\":1,\"s\":{\"n\":{\"c\":\"x\"}}}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := jsonFormat{}.set([]byte(tt.doc), []string{"s", "n"}, Object{{"c", "x"}})
			if err != nil || string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s\n(%v)", got, tt.want, err)
			}
		})
	}
}

func TestSetWritesListsAndObjectsAsTheFileDoes(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"one line without blanks", "{\"s\":{\"b\":{}}}", "{\"s\":{\"b\":{},\"n\":{\"c\":\"x\",\"e\":{\"A\":\"b\"},\"l\":[\"a\",\"b\"]}}}"},
		{"one line with blanks", "{\"s\": {\"b\": {}}}", "{\"s\": {\"b\": {}, \"n\": {\"c\": \"x\", \"e\": {\"A\": \"b\"}, \"l\": [\"a\", \"b\"]}}}"},
		{"a trailing comma in one line", "{\"s\":{\"b\":{},},}", "{\"s\":{\"b\":{},\"n\":{\"c\":\"x\",\"e\":{\"A\":\"b\"},\"l\":[\"a\",\"b\"]},},}"},
		{"a trailing comma behind a blank", "{\"s\":{\"b\":{} , }}", "{\"s\":{\"b\":{} ,\"n\":{\"c\":\"x\",\"e\":{\"A\":\"b\"},\"l\":[\"a\",\"b\"]}, }}"},
		{"an entry in one line without blanks", "{\"s\":{\"n\":{\"old\":1},\"b\":{}}}", "{\"s\":{\"n\":{\"c\":\"x\",\"e\":{\"A\":\"b\"},\"l\":[\"a\",\"b\"]},\"b\":{}}}"},
		{"an entry in one line with blanks", "{\"s\": {\"n\": {\"old\": 1}}}", "{\"s\": {\"n\": {\"c\": \"x\", \"e\": {\"A\": \"b\"}, \"l\": [\"a\", \"b\"]}}}"},
		{"an entry of several lines behind others in the first", "{\"s\": {\"n\": {\n  \"old\": 1\n}}}", "{\"s\": {\"n\": {\n  \"c\": \"x\",\n  \"e\": {\n    \"A\": \"b\"\n  },\n  \"l\": [\"a\", \"b\"]\n}}}"},
		{"an entry that is no object", "{\n  \"s\": {\n    \"n\": 5\n  }\n}", "{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    }\n  }\n}"},
		{"several members in one of several lines", "{\n  \"s\": { \"b\": 1, \"c\": 2\n  }\n}", "{\n  \"s\": { \"b\": 1, \"c\": 2,\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    }\n  }\n}"},
		{"a brace behind the last member", "{\n  \"a\": 1 }", "{\n  \"a\": 1, \"s\": {\"n\": {\"c\": \"x\", \"e\": {\"A\": \"b\"}, \"l\": [\"a\", \"b\"]}} }"},
		{"a blank in the only object", "{\"s\": {}}", "{\"s\": {\"n\": {\"c\": \"x\", \"e\": {\"A\": \"b\"}, \"l\": [\"a\", \"b\"]}}}"},
		{"no blank anywhere", "{\"s\":{}}", "{\"s\":{\"n\":{\"c\":\"x\",\"e\":{\"A\":\"b\"},\"l\":[\"a\",\"b\"]}}}"},
		{"an empty object in two lines", "{\"s\": {\n}}", "{\"s\": {\n  \"n\": {\n    \"c\": \"x\",\n    \"e\": {\n      \"A\": \"b\"\n    },\n    \"l\": [\"a\", \"b\"]\n  }\n}}"},
		{"Windows line ends in an empty object", "{\r\n}", "{\r\n  \"s\": {\r\n    \"n\": {\r\n      \"c\": \"x\",\r\n      \"e\": {\r\n        \"A\": \"b\"\r\n      },\r\n      \"l\": [\"a\", \"b\"]\r\n    }\r\n  }\r\n}"},
		{"a comment without a line end", "// c", "// c\n{\n  \"s\": {\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    }\n  }\n}\n"},
		{"a comment in an empty object", "{\n  \"s\": {/* c */}\n}", "{\n  \"s\": {/* c */\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    }\n  }\n}"},
		{"comments behind the last member", "{\n  \"s\": {\n    \"b\": {} /* c */, // e\n    // d\n  }\n}", "{\n  \"s\": {\n    \"b\": {} /* c */, // e\n    // d\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    },\n  }\n}"},
		{"comments behind a last member without a comma", "{\n  \"s\": {\n    \"b\": {} // c\n    // d\n  }\n}", "{\n  \"s\": {\n    \"b\": {}, // c\n    // d\n    \"n\": {\n      \"c\": \"x\",\n      \"e\": {\n        \"A\": \"b\"\n      },\n      \"l\": [\"a\", \"b\"]\n    }\n  }\n}"},
		{"a step that only a later line shows", "{\"a\":1,\n    \"b\": 2,\n    \"s\": {\n    }\n}", "{\"a\":1,\n    \"b\": 2,\n    \"s\": {\n        \"n\": {\n            \"c\": \"x\",\n            \"e\": {\n                \"A\": \"b\"\n            },\n            \"l\": [\"a\", \"b\"]\n        }\n    }\n}"},
		{"a brace that is further in than the member above", "{\"a\":1\n  }", "{\"a\":1,\n    \"s\": {\n      \"n\": {\n        \"c\": \"x\",\n        \"e\": {\n          \"A\": \"b\"\n        },\n        \"l\": [\"a\", \"b\"]\n      }\n    }\n  }"},
		{"a member that is further in than usual", "{\n  \"s\": {\n      \"b\": 1\n  }\n}", "{\n  \"s\": {\n      \"b\": 1,\n      \"n\": {\n        \"c\": \"x\",\n        \"e\": {\n          \"A\": \"b\"\n        },\n        \"l\": [\"a\", \"b\"]\n      }\n  }\n}"},
		{"tabs within blanks", "  {\n  \t\"a\": 1\n  }", "  {\n  \t\"a\": 1,\n  \t\"s\": {\n  \t\t\"n\": {\n  \t\t\t\"c\": \"x\",\n  \t\t\t\"e\": {\n  \t\t\t\t\"A\": \"b\"\n  \t\t\t},\n  \t\t\t\"l\": [\"a\", \"b\"]\n  \t\t}\n  \t}\n  }"},
	} {
		got, err := jsonFormat{}.set([]byte(tt.doc), []string{"s", "n"}, Object{{"c", "x"}, {"e", Object{{"A", "b"}}}, {"l", []any{"a", "b"}}})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n(%v)", tt.name, got, tt.want, err)
		}
	}
}

// Brackets count where they are brackets: neither in a text nor in a comment, wherever these begin and end.
func TestHowDeepAFileMayNest(t *testing.T) {
	open, closed := strings.Repeat("[", maxDepth), strings.Repeat("]", maxDepth)
	for name, tt := range map[string]struct {
		doc     string
		refused int // the column; 0: it is read
	}{
		"as deep as it may be":   {`{"a":` + open[1:] + closed[1:] + `}`, 0},
		"one deeper":             {`{"a":` + open + closed + `}`, 5 + maxDepth},
		"objects":                {strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth), 0},
		"objects, one deeper":    {strings.Repeat(`{"a":`, maxDepth) + "{}" + strings.Repeat("}", maxDepth), 5*maxDepth + 1},
		"many beside each other": {`{"a":[` + strings.Repeat("[],{},", maxDepth) + `]}`, 0},
		"in a text":              {`{"a":"` + open + `"}`, 0},
		"in a text with a quote": {`{"a":"\"` + open + `"}`, 0},
		"behind a text that ends with a backslash":    {`{"a":"\\","b":` + open + closed + `}`, 14 + maxDepth},
		"behind a text with closing brackets":         {`{"a":"` + closed + `","b":` + open + closed + `}`, 12 + 2*maxDepth},
		"in a comment":                                {`{/* ` + open + ` */}`, 0},
		"in a comment of one line":                    {"{// " + open + "\n}", 0},
		"in a comment that begins with a slash":       {`{/*/ ` + open + ` */}`, 0},
		"in a comment that never ends":                {`{/* ` + open, -1},
		"in a text behind a comment":                  {`{/**/"` + open + `":1}`, 0},
		"in a text behind a comment of one line":      {"{//\n\"" + open + "\":1}", 0},
		"behind a comment":                            {`{/**/"a":` + open + closed + `}`, 9 + maxDepth},
		"behind two comments":                         {`{/**//**/"a":` + open + closed + `}`, 13 + maxDepth},
		"behind a comment with a quote":               {`{/*"*/"a":` + open + closed + `}`, 10 + maxDepth},
		"behind a comment of one line":                {"{//\n\"a\":" + open + closed + "}", 4 + maxDepth},
		"behind a comment of one line, with brackets": {"{// ]]]]\n\"a\":" + open + closed + "}", 4 + maxDepth},
		"behind a slash in a text":                    {`{"a":"//","b":` + open + closed + `}`, 14 + maxDepth},
	} {
		_, err := jsonFormat{}.decode([]byte(tt.doc))
		syntax, refused := errors.AsType[*SyntaxError](err)
		deep := refused && syntax.Problem == "nested deeper than 1000 levels"
		if deep != (tt.refused > 0) || deep && syntax.Column != tt.refused || (err == nil) != (tt.refused == 0) {
			t.Errorf("%s: got %v, want column %d", name, err, tt.refused)
		}
	}
}

func TestRemoveTakesOnlyTheEntry(t *testing.T) {
	tests := []struct {
		name, doc, want string
	}{
		{"the first of several lines", "{\n  \"s\": {\n    \"n\": {},\n    \"b\": {}\n  }\n}", "{\n  \"s\": {\n    \"b\": {}\n  }\n}"},
		{"the one in the middle", "{\n  \"s\": {\n    \"a\": {},\n    // of n\n    \"n\": {},\n    \"b\": {}\n  }\n}", "{\n  \"s\": {\n    \"a\": {},\n    // of n\n    \"b\": {}\n  }\n}"},
		{"the first in one line", `{"s": {"n": {}, "b": {}}}`, `{"s": {"b": {}}}`},
		{"the one in the middle of a line", `{"s": {"a": {}, "n": {}, "b": {}}}`, `{"s": {"a": {}, "b": {}}}`},
		{"the last in one line with a trailing comma", `{"s":{"a":{},"n":{},}}`, `{"s":{"a":{},}}`},
		{"a comment behind it stays", "{\n  \"s\": {\n    \"a\": {},\n    \"n\": {}, // mine\n    \"b\": {}\n  }\n}", "{\n  \"s\": {\n    \"a\": {},\n    // mine\n    \"b\": {}\n  }\n}"},
		{"a comment before its comma stays", "{\"s\":{\"n\":{} /* c */ ,\"b\":{}}}", "{\"s\":{/* c */ \"b\":{}}}"},
		{"the last of several lines", "{\n  \"s\": {\n    \"a\": {},\n    \"n\": {}\n  }\n}", "{\n  \"s\": {\n    \"a\": {}\n  }\n}"},
		{"a comment between the comma and the last", "{\"s\": {\"a\": {}, /* c */ \"n\": {}}}", "{\"s\": {\"a\": {} /* c */ }}"},
		{"a comma in the next line", "{\"s\": {\n    \"n\": {}\n    , \"b\": {}\n}}", "{\"s\": {\n    \"b\": {}\n}}"},
		{"a comma in the line before", "{\"s\": {\"a\": {}\n    , \"n\": {}\n}}", "{\"s\": {\"a\": {}\n    \n}}"},
		{"a comment behind the last in one line", "{\"s\": {\"a\": {}, \"n\": {} /* c */}}", "{\"s\": {\"a\": {} /* c */}}"},
		{"comments behind both", "{\"s\": {\"a\": {}, // of a\n    \"n\": {} // of n\n}}", "{\"s\": {\"a\": {} // of a\n     // of n\n}}"},
		{"the first of a line of its own", "{\"s\": {\n  \"n\": {}, \"b\": {}\n}}", "{\"s\": {\n  \"b\": {}\n}}"},
		{"the last of a line", "{\"s\": {\n  \"a\": {}, \"n\": {}\n}}", "{\"s\": {\n  \"a\": {}\n}}"},
		{"a brace in its line", "{\"s\": {\n  \"a\": {},\n  \"n\": {}, }}", "{\"s\": {\n  \"a\": {},\n   }}"},
		{"the only one, with a comment", "{\"s\": {\n  \"n\": {}, // c\n}}", "{\"s\": {\n   // c\n}}"},
		{"a tab behind it", "{\"s\": {\"n\": {},\t\"b\": {}}}", "{\"s\": {\"b\": {}}}"},
		{"the only one, before others", "{\"s\": {\"n\": {}}, \"a\": 1}", "{\"a\": 1}"},
		{"the only one, behind others", "{\"a\": 1, \"s\": {\"n\": {}}}", "{\"a\": 1}"},
		{"the only one, under a comment", "{\n  \"s\": {\n    // c\n    \"n\": {}\n  }\n}", "{\n  \"s\": {\n    // c\n  }\n}"},
		{"nothing else but comments", "// c\n{\"s\": {\"n\": {}}}\n// d\n", "// c\n\n// d\n"},
		{"nothing else, with a line end of Windows", "{\"s\": {\"n\": {}}}\r\n", ""},
		{"nothing else but a comment before it", "// c\n{\"s\": {\"n\": {}}}", "// c\n"},
		{"comments behind a trailing comma", "{\n  \"s\": {\n    \"a\": {}, // c\n    \"n\": {}, // d\n  },\n}", "{\n  \"s\": {\n    \"a\": {}, // c\n     // d\n  },\n}"},
		{"a comma behind a blank", "{\n  \"s\": {\n    \"a\": {}, \"n\": {} , // d\n  },\n}", "{\n  \"s\": {\n    \"a\": {}, // d\n  },\n}"},
		{"comments before the commas", "{\n  \"s\": {\n    \"a\": {} /* x */ ,\n    \"n\": {} /* y */ ,\n  },\n}", "{\n  \"s\": {\n    \"a\": {} /* x */ ,\n     /* y */ \n  },\n}"},
		{"no entry, no change", `{"s": {"b": {}}}`, `{"s": {"b": {}}}`},
		{"no servers, no change", `{"a": 1}`, `{"a": 1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := jsonFormat{}.remove([]byte(tt.doc), []string{"s", "n"}, nil)
			if err != nil || string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s\n(%v)", got, tt.want, err)
			}
			if _, err := (jsonFormat{}).decode(got); err != nil {
				t.Errorf("what is left cannot be read: %v", err)
			}
		})
	}
}

func TestABrokenFileIsNotSearched(t *testing.T) {
	for _, f := range []format{jsonFormat{}, tomlFormat{}, yamlFormat{}} {
		if value, _, found, err := f.find([]byte("[{\n"), []string{"s", "n"}); err == nil || found || value != nil {
			t.Errorf("%T: got %v, %v, %v", f, value, found, err)
		}
	}
}

func TestItemsWithoutANameOfTheirOwn(t *testing.T) {
	m, err := yamlFormat{list: true}.decode([]byte("s:\n  - c: 1\n  - name: a\n  - name: a\n  - 5\n"))
	servers, _ := m["s"].(map[string]any)
	if names := slices.Sorted(maps.Keys(servers)); err != nil || !slices.Equal(names, []string{"#1", "#3", "#4", "a"}) {
		t.Errorf("got %q (%v)", names, err)
	}
}

// What is empty now, though it was not, was there all the same.
func TestRemoveKeepsWhatWasThere(t *testing.T) {
	for _, tt := range []struct{ doc, before, want string }{
		{`{"s": {"n": {}}}`, `{"s": {"b": {}}}`, `{"s": {}}`},
		{`{"s": {"n": {}}}`, `{"s": {"b": {} /* c */}}`, `{"s": {}}`},
		{`{"s": {"n": {}}}`, `{"a": 1}`, `{}`},
		{`{"s": {"n": {}}}`, `{"s": 5}`, `{}`},
		{`{"s": {"n": {}}, "a": 1}`, `{"a": 1}`, `{"a": 1}`},
		{`{"s": {"n": {} /* d */}}`, `{"s": { /* c */ }}`, `{"s": { /* d */}}`},
		{`{"s": {"n": {}}}`, ` // c`, ``},
		{`{"s": {"n": {}}}`, `[`, ``},
		{"// c\n{\"s\": {\"n\": {}}}\n", `// c`, `// c`},
	} {
		got, err := jsonFormat{}.remove([]byte(tt.doc), []string{"s", "n"}, []byte(tt.before))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s with %s before: got %q, want %q (%v)", tt.doc, tt.before, got, tt.want, err)
		}
	}
}

func TestTOMLEntriesInEveryForm(t *testing.T) {
	const want = "a = 1\n\n[m.b]\nc = 2\n"
	tests := []struct{ name, doc, want string }{
		{"a table", "a = 1\n\n[m.n]\nx = 1\n\n[m.b]\nc = 2\n", want},
		{"a table with tables of its own", "a = 1\n\n[m.n]\nx = 1\n\n[m.n.env]\nA = 'b'\n\n[m.b]\nc = 2\n", want},
		{"a table in two places", "a = 1\n\n[m.n]\nx = 1\n\n[m.b]\nc = 2\n\n[m.n.env]\nA = 'b'\n", want},
		{"a table with nothing in it", "a = 1\n\n[m.n]\n\n[m.b]\nc = 2\n", want},
		{"a value of several lines", "a = 1\n\n[m.n]\nx = [\n  1,\n]\n\n[m.b]\nc = 2\n", want},
		{"the first in the file", "[m.n]\nx = 1\n\n[m.b]\nc = 2\n", "[m.b]\nc = 2\n"},
		{"dotted keys", "a = 1\nm.n.x = 1\nm.n.y = 2\n\n[m.b]\nc = 2\n", want},
		{"dotted keys between blank lines", "a = 1\n\nm.n.x = 1\n\n[m.b]\nc = 2\n", "a = 1\n\n\n[m.b]\nc = 2\n"},
		{"an inline table", "[m]\nn = { x = 1 } # c\nb = { c = 2 }\n", "[m]\nb = { c = 2 }\n"},
		{"a quoted name", "a = 1\n\n['m'.\"n\"]\nx = 1\n\n[m.b]\nc = 2\n", want},
		{"the comment of the next table stays", "a = 1\n\n[m.n]\nx = 1\n# of b\n[m.b]\nc = 2\n", "a = 1\n# of b\n[m.b]\nc = 2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tomlFormat{}.remove([]byte(tt.doc), []string{"m", "n"}, nil)
			if err != nil || string(got) != tt.want {
				t.Errorf("remove made\n%s\nwant\n%s\n(%v)", got, tt.want, err)
			}
			set, err := tomlFormat{}.set([]byte(tt.doc), []string{"m", "n"}, Object{{"y", "z"}})
			if err != nil {
				t.Fatal(err)
			}
			if v, _, _, err := (tomlFormat{}).find(set, []string{"m", "n"}); err != nil || len(v.(map[string]any)) != 1 {
				t.Errorf("set made\n%s\nwith %v in it (%v)", set, v, err)
			}
		})
	}
}

func TestFilesThatCannotBeEditedAreRefusedWithAPlace(t *testing.T) {
	tests := []struct {
		name string
		f    format
		doc  string
		want string
	}{
		{"broken JSON", jsonFormat{}, "{\n  \"a\": }", "line 2, column 8: invalid character '}' at start of value"},
		{"JSON that ends too early", jsonFormat{}, "{\n  \"a\": 1", "line 2, column 9: the file ends too early"},
		{"a broken value is not quoted", jsonFormat{}, "{\"a\": \"lm_canary_5f1c0e9a7b3d2468\\q\"}", "line 1, column 7: invalid value"},
		{"a list", jsonFormat{}, "\n[]", "line 2, column 1: the file is a list, where an object is due"},
		{"a text", jsonFormat{}, `"x"`, "line 1, column 1: the file is a text, where an object is due"},
		{"servers that are a list", jsonFormat{}, "{\n \"m\": []\n}", `line 2, column 7: "m" is a list, where an object is due`},
		{"servers that are null", jsonFormat{}, "{\n \"m\": null\n}", `line 2, column 7: "m" is null, where an object is due`},
		{"servers that stand there twice", jsonFormat{}, "{\n \"m\": {},\n \"m\": {}\n}", `line 3, column 2: "m" stands here a second time (first in line 2)`},
		{"an entry that stands there twice", jsonFormat{}, "{\"m\": {\"n\": {},\n \"n\": {}}}", `line 2, column 2: "n" stands here a second time (first in line 1)`},
		{"nesting without end", jsonFormat{}, strings.Repeat("[", 100_000), "line 1, column 1001: nested deeper than 1000 levels"},
		{"broken TOML", tomlFormat{}, "a = 1\nb = \n", "line 2, column "},
		{"TOML with a key twice", tomlFormat{}, "[m]\na = 1\na = 2\n", "line 3, column 1: "},
		{"an item below its dash", yamlFormat{list: true}, "m:\n  -\n    name: n\n", `line 3, column 1: "n" is not written in lines of its own`},
		{"servers in one line of TOML", tomlFormat{}, "\nm = {}\n", "line 2, column 1: m is written in one line; write its servers as tables [m.NAME] first"},
		{"servers that are a list of tables", tomlFormat{}, "[[m]]\n", "line 1, column 1: m is not a table"},
		{"servers that are a number", tomlFormat{}, "m = 1\n", "line 1, column 1: m is not a table"},
		{"an entry that is a list of tables", tomlFormat{}, "[[m.n]]\n", "line 1, column 1: m.n is not a table"},
		{"an entry that is a text", tomlFormat{}, "[m]\nn = 'x'\n", "line 2, column 1: m.n is not a table"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.f.set([]byte(tt.doc), []string{"m", "n"}, entry)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "lm_") {
				t.Error("the error quotes the file")
			}
		})
	}
}

// YAML lets people write things in many ways. What cannot be edited line by line is refused in words that help, and no
// file keeps the parser busy.
func TestOddYAMLIsRefusedInWords(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("%[2]c: &%[2]c [*%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c, *%[1]c]\n", 'a'+i, 'b'+i)
	}
	for _, tt := range []struct{ name, doc, want string }{
		{"a bomb of aliases", bomb, "line 1, column 1: document contains excessive aliasing"},
		{"an alias of itself", "a: &a [*a]\n", "anchor 'a' value contains itself"},
		{"deep", strings.Repeat("[", 20000), "exceeded max depth"},
		{"deep in lines", func() (s string) {
			for i := range 600 {
				s += strings.Repeat(" ", i) + "a:\n"
			}
			return s
		}(), ""},
		{"large", "a: " + strings.Repeat("x", 2<<20), "the file has more than 256 KiB"},
		{"an anchor that is nowhere", "a: *x\n", "unknown anchor 'x' referenced"},
		{"a member twice", "a: 1\na: 2\n", `line 2, column 1: mapping key "a" already defined at line 1`},
		{"a server twice", "extensions:\n  x: {}\n  x: {}\n", `line 3, column 1: mapping key "x" already defined at line 2`},
		{"tabs", "extensions:\n\tx: 1\n", "line 2, column 1: found character that cannot start any token"},
		{"two documents", "a: 1\n---\nb: 2\n", "line 2, column 1: another document begins here, where one is due"},
		{"braces", "extensions: {x: {cmd: y}}\n", `line 1, column 1: "extensions" is not written in lines of its own`},
		{"all in braces", "{extensions: {}}\n", `"extensions" is not written in lines of its own`},
		{"servers by an alias", "a: &a {}\nextensions: *a\n", `line 2, column 1: "extensions" is not written in lines of its own`},
		{"servers that are a text", "extensions: |\n  x\n", `"extensions" is not written in lines of its own`},
		{"an entry behind a question mark", "extensions:\n  ? leadmagic\n  : cmd: y\n", `line 2, column 1: "leadmagic" is not written in lines of its own`},
		{"a list", "- a\n", "line 1, column 1: cannot unmarshal !!seq into map[string]interface {}"},
		{"not UTF-8", "a: \xff\n", "the file is not in UTF-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", "the file is not in UTF-8"},
		{"ends of lines that YAML alone knows", "a: 1 # x\u2028extensions:\n", "ends of lines that editors do not agree on"},
		{"a carriage return alone", "a: 1\rb: 2\n", "ends of lines that editors do not agree on"},
		{"a text that goes on to the end", "a: |+\n  text\n\n", ""},
		{"a text without an end", "a: |\n  text", "cannot be edited without changing something else"},
		{"an anchor in what is replaced", "extensions:\n  leadmagic: &x\n    cmd: y\nb: *x\n", "cannot be edited without changing something else"},
		{"an anchor that another server has after it", "extensions:\n  a: &x {cmd: z}\n  leadmagic: &x\n    cmd: y\n  b: *x\n", "cannot be edited without changing something else"},
		{"a member without a name", "  ? \n  :", `line 1, column 1: "extensions" is not written in lines of its own`},
		{"an end of the document", "a: 1\n...\n", "cannot be edited without changing something else"},
		{"a key in what cannot be read", "a: [" + canary + "\n", "did not find expected"},
		{"a merge", "a: &a {x: {cmd: y}}\nextensions:\n  <<: *a\n  z: {}\n", ""},
		{"comments alone", "# a\n# b", ""},
		{"three dashes", "---\n# a\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			out, err := yamlFormat{}.set([]byte(tt.doc), []string{"extensions", "leadmagic"}, entry)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want == "":
				back, err := yamlFormat{}.remove(out, []string{"extensions", "leadmagic"}, []byte(tt.doc))
				if err != nil || string(back) != tt.doc {
					t.Errorf("%q became %q, and that %q (%v)", tt.doc, out, back, err)
				}
			case err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary):
				t.Errorf("got %q (%v), want %q", out, err, tt.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestAFileOfCommentsIsReadAtOnce(t *testing.T) {
	start := time.Now()
	doc := "{" + strings.Repeat("//\n", 1<<18) + "/* */ \"a\": 1}"
	if m, err := (jsonFormat{}).decode([]byte(doc)); err != nil || m["a"] == nil || time.Since(start) > 20*time.Second {
		t.Errorf("got %v (%v) after %v", m, err, time.Since(start))
	}
}

// A question that is not written as one of a list is none of ours.
func TestQuestionsOfAnotherKindAreLeftAlone(t *testing.T) {
	e := lookup(t, "vscode")
	const other = `{"inputs": [{"id": "leadmagic-key"}], "mcpServers": {}}`
	if got, err := lookup(t, "cursor").without([]byte(other), Name, nil); err != nil || string(got) != other {
		t.Errorf("an editor that does not ask: got %s (%v)", got, err)
	}
	for _, doc := range []string{`{"inputs": {"id": "leadmagic-key"}}`, `{"inputs": 5}`, `{"inputs": ["leadmagic-key", {"id": 5}]}`} {
		set, err := e.with([]byte(doc), Name, Command{Path: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.without(set, Name, []byte(doc)); err != nil || string(got) != doc {
			t.Errorf("%s became %s (%v)", doc, got, err)
		}
	}
}

func TestTheQuestionIsWrittenAsTheFileIs(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"no file", "", "{\n  \"inputs\": [{\n    \"type\": \"promptString\",\n    \"id\": \"leadmagic-key\",\n    \"description\": \"LeadMagic API key\",\n    \"password\": true\n  }],\n  \"servers\": {\n    \"leadmagic\": {\n      \"type\": \"stdio\",\n      \"command\": \"x\",\n      \"env\": {\n        \"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"\n      }\n    }\n  }\n}\n"},
		{"no list", "{\"servers\":{}}", "{\"servers\":{\"leadmagic\":{\"type\":\"stdio\",\"command\":\"x\",\"env\":{\"LEADMAGIC_API_KEY\":\"${input:leadmagic-key}\"}}},\"inputs\":[{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}]}"},
		{"an empty list", "{\"inputs\":[],\"servers\":{}}", "{\"inputs\":[{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}],\"servers\":{\"leadmagic\":{\"type\":\"stdio\",\"command\":\"x\",\"env\":{\"LEADMAGIC_API_KEY\":\"${input:leadmagic-key}\"}}}}"},
		{"a list in one line without blanks", "{\"inputs\":[1,2],\"servers\":{\"b\":{}}}", "{\"inputs\":[1,2,{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}],\"servers\":{\"b\":{},\"leadmagic\":{\"type\":\"stdio\",\"command\":\"x\",\"env\":{\"LEADMAGIC_API_KEY\":\"${input:leadmagic-key}\"}}}}"},
		{"a list without blanks in a file with blanks", "{\"inputs\":[1,2], \"servers\": {}}", "{\"inputs\":[1,2,{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}], \"servers\": {\"leadmagic\": {\"type\": \"stdio\", \"command\": \"x\", \"env\": {\"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"}}}}"},
		{"one of a list without blanks", "{\"inputs\":[1],\"servers\":{\"b\":{}}}", "{\"inputs\":[1,{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}],\"servers\":{\"b\":{},\"leadmagic\":{\"type\":\"stdio\",\"command\":\"x\",\"env\":{\"LEADMAGIC_API_KEY\":\"${input:leadmagic-key}\"}}}}"},
		{"a list in one line with blanks", "{\"inputs\": [1, 2], \"servers\": {\"b\": {}}}", "{\"inputs\": [1, 2, {\"type\": \"promptString\", \"id\": \"leadmagic-key\", \"description\": \"LeadMagic API key\", \"password\": true}], \"servers\": {\"b\": {}, \"leadmagic\": {\"type\": \"stdio\", \"command\": \"x\", \"env\": {\"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"}}}}"},
		{"a trailing comma", "{\"inputs\": [1,], \"servers\": {}}", "{\"inputs\": [1, {\"type\": \"promptString\", \"id\": \"leadmagic-key\", \"description\": \"LeadMagic API key\", \"password\": true},], \"servers\": {\"leadmagic\": {\"type\": \"stdio\", \"command\": \"x\", \"env\": {\"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"}}}}"},
		{"a list in several lines", "{\n  \"inputs\": [\n    {\"id\": \"a\"}\n  ],\n  \"servers\": {}\n}\n", "{\n  \"inputs\": [\n    {\"id\": \"a\"},\n    {\n      \"type\": \"promptString\",\n      \"id\": \"leadmagic-key\",\n      \"description\": \"LeadMagic API key\",\n      \"password\": true\n    }\n  ],\n  \"servers\": {\n    \"leadmagic\": {\n      \"type\": \"stdio\",\n      \"command\": \"x\",\n      \"env\": {\n        \"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"\n      }\n    }\n  }\n}\n"},
		{"a question that is there", "{\"inputs\": [{\"id\": \"a\"}, {\"id\": \"leadmagic-key\", \"type\": \"mine\"}], \"servers\": {}}", "{\"inputs\": [{\"id\": \"a\"}, {\"id\": \"leadmagic-key\", \"type\": \"mine\"}], \"servers\": {\"leadmagic\": {\"type\": \"stdio\", \"command\": \"x\", \"env\": {\"LEADMAGIC_API_KEY\": \"${input:leadmagic-key}\"}}}}"},
		{"a byte order mark", "\ufeff{\"inputs\":[1],\"servers\":{\"b\":{}}}", "\ufeff{\"inputs\":[1,{\"type\":\"promptString\",\"id\":\"leadmagic-key\",\"description\":\"LeadMagic API key\",\"password\":true}],\"servers\":{\"b\":{},\"leadmagic\":{\"type\":\"stdio\",\"command\":\"x\",\"env\":{\"LEADMAGIC_API_KEY\":\"${input:leadmagic-key}\"}}}}"},
	} {
		got, err := lookup(t, "vscode").with([]byte(tt.doc), Name, Command{Path: "x", Vars: []string{KeyVariable}, Prompt: true})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n(%v)", tt.name, got, tt.want, err)
		}
	}
	for doc, want := range map[string]string{
		`{"inputs": {}}`:   `line 1, column 12: "inputs" is an object, where a list is due`,
		`{"inputs": true}`: `line 1, column 12: "inputs" is true or false, where a list is due`,
		`{"inputs": 5}`:    `line 1, column 12: "inputs" is a number, where a list is due`,
	} {
		if _, err := lookup(t, "vscode").with([]byte(doc), Name, Command{Path: "x", Prompt: true}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", doc, err, want)
		}
	}
}

func TestSetWritesATableOfTOML(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"no file", "", "[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
		{"a last line that ends", "a = 1\n", "a = 1\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
		{"a last line that does not end", "a = 1", "a = 1\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true"},
		{"line ends of Windows", "a = 1\r\nb = 2\r\n", "a = 1\r\nb = 2\r\n\r\n[s.n]\r\nc = \"x\"\r\ne = { A = \"b\", B = \"c\" }\r\nl = [\"a\", \"b\"]\r\nt = true\r\n"},
		{"line ends of Windows and none at the end", "a = 1\r\nb = 2\r\nc = 3", "a = 1\r\nb = 2\r\nc = 3\r\n\r\n[s.n]\r\nc = \"x\"\r\ne = { A = \"b\", B = \"c\" }\r\nl = [\"a\", \"b\"]\r\nt = true"},
		{"an entry in the middle", "[s.n]\nold = 1\n\n[s.b]\nc = 2\n", "[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n\n[s.b]\nc = 2\n"},
		{"an entry at the end of a file that does not end", "[s.b]\nc = 2\n\n[s.n]\nold = 1", "[s.b]\nc = 2\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true"},
		{"an entry in two places", "[s.n]\nold = 1\n\n[s.b]\nc = 2\n\n[s.n.e]\nA = 'b'\n# of d\n[s.d]\n", "[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n\n[s.b]\nc = 2\n# of d\n[s.d]\n"},
		{"comments in an entry", "[s.n] # c\n# d\nold = 1 # e\n# f\n\n[s.b]\n", "[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n# f\n\n[s.b]\n"},
		{"dotted keys", "s.n.old = 1\na = 1\ns.n.x = 2\n", "a = 1\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
		{"an inline table", "[s]\nn = { old = 1 } # c\nb = { c = 2 }\n", "[s]\nb = { c = 2 }\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
		{"a value of several lines", "[s.n]\nold = \"\"\"\n[s.n]\n\"\"\"\n[s.b]\n", "[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n[s.b]\n"},
		{"a byte order mark", "\ufeffa = 1\n", "\ufeffa = 1\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
		{"servers in a table of their own", "[s]\nx = 1\n", "[s]\nx = 1\n\n[s.n]\nc = \"x\"\ne = { A = \"b\", B = \"c\" }\nl = [\"a\", \"b\"]\nt = true\n"},
	} {
		got, err := tomlFormat{}.set([]byte(tt.doc), []string{"s", "n"}, Object{{"c", "x"}, {"e", Object{{"A", "b"}, {"B", "c"}}}, {"l", []any{"a", "b"}}, {"t", true}})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n(%v)", tt.name, got, tt.want, err)
		}
	}
}

func TestRemoveTakesATableOfTOML(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"nothing else", "[s.n]\nx = 1\n", ""},
		{"at the end", "a = 1\n\n[s.n]\nx = 1\n", "a = 1\n"},
		{"at the end of a file that does not end", "a = 1\n\n[s.n]\nx = 1", "a = 1"},
		{"at the end, directly behind a line", "a = 1\n[s.n]\nx = 1\n", "a = 1\n"},
		{"line ends of Windows", "a = 1\r\n\r\n[s.n]\r\nx = 1\r\n\r\n[s.b]\r\n", "a = 1\r\n\r\n[s.b]\r\n"},
		{"the first, before a blank line", "\n[s.n]\nx = 1\n\n[s.b]\n", "\n[s.b]\n"},
		{"two blank lines", "a = 1\n\n\n[s.n]\nx = 1\n\n\n[s.b]\n", "a = 1\n\n\n\n[s.b]\n"},
		{"a comment above it", "# of n\n[s.n]\nx = 1\n[s.b]\n", "# of n\n[s.b]\n"},
		{"a byte order mark", "\ufeff[s.n]\nx = 1\n[s.b]\n", "\ufeff[s.b]\n"},
		{"dotted keys apart", "s.n.x = 1\na = 1\ns.n.y = 2\n", "a = 1\n"},
		{"no entry", "[s.b]\nc = 2", "[s.b]\nc = 2"},
	} {
		got, err := tomlFormat{}.remove([]byte(tt.doc), []string{"s", "n"}, nil)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, want %q (%v)", tt.name, got, tt.want, err)
		}
	}
}

func TestWhereAnEntryIs(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    format
		doc  string
		line int
		want string // as JSON; empty: there is none
	}{
		{"JSON", jsonFormat{}, "{\n  \"s\": {\n    \"a\": 1,\n    \"n\":\n      {\"x\": 1}\n  }\n}", 4, "{\"x\":1}"},
		{"JSON in one line", jsonFormat{}, "{\"s\": {\"n\": 5}}", 1, "5"},
		{"JSON with a byte order mark", jsonFormat{}, "\ufeff{\n\"s\": {\"n\": 5}}", 2, "5"},
		{"JSON without it", jsonFormat{}, "{\"s\": {\"b\": 5}}", 0, ""},
		{"JSON of comments", jsonFormat{}, "// c\n", 0, ""},
		{"JSON with a number beyond all", jsonFormat{}, "{\"s\": {\"n\": 1e999}}", 1, "1e999"},
		{"TOML", tomlFormat{}, "a = 1\n\n[s.b]\n[s.n]\nx = 1\n", 4, "{\"x\":1}"},
		{"TOML with dotted keys", tomlFormat{}, "a = 1\ns.n.x = 1\n", 2, "{\"x\":1}"},
		{"TOML of tables below", tomlFormat{}, "[s.b]\n\n[s.n.e]\nx = 1\n", 3, "{\"e\":{\"x\":1}}"},
		{"TOML in one line", tomlFormat{}, "a = 1\ns = { n = { x = 1 } }\n", 2, "{\"x\":1}"},
		{"TOML with an inline table", tomlFormat{}, "[s]\nb = {}\nn = { x = 1 }\n", 3, "{\"x\":1}"},
		{"TOML without it", tomlFormat{}, "[s.b]\n", 0, ""},
		{"TOML with a byte order mark", tomlFormat{}, "\ufeffa = 1\n[s.n]\n", 2, "{}"},
		{"TOML whose servers are a number", tomlFormat{}, "s = 1\n", 0, ""},
		{"YAML", yamlFormat{}, "a: 1\ns:\n  b: 1\n  n:\n    x: 1\n", 4, "{\"x\":1}"},
		{"YAML in braces", yamlFormat{}, "a: 1\ns: {n: {x: 1}}\n", 2, "{\"x\":1}"},
		{"YAML by an alias", yamlFormat{}, "a: &a\n  n: {x: 1}\ns: *a\n", 3, "{\"x\":1}"},
		{"YAML by a merge", yamlFormat{}, "a: &a\n  n: {x: 1}\ns:\n  <<: *a\n", 3, "{\"x\":1}"},
		{"YAML without it", yamlFormat{}, "s:\n  b: 1\n", 0, ""},
		{"YAML with a byte order mark", yamlFormat{}, "\ufeffa: 1\ns:\n  n: 1\n", 3, "1"},
		{"YAML with such names further in", yamlFormat{}, "s:\n  n:\n    a: {1: x}\n", 2, "{\"a\":{\"1 (int)\":\"x\"}}"},
		{"YAML beside a name that is a number", yamlFormat{}, "s:\n  1: x\n  n:\n    c: x\n", 3, "{\"c\":\"x\"}"},
		{"YAML with names that are numbers", yamlFormat{}, "s:\n  n:\n    - {1: {2: x}}\n", 2, "[{\"1 (int)\":{\"2 (int)\":\"x\"}}]"},
		{"a list of YAML", yamlFormat{list: true}, "s:\n  - name: b\n  - x: 1\n    name: n\n", 3, "{\"name\":\"n\",\"x\":1}"},
		{"a list of YAML with the name twice", yamlFormat{list: true}, "s:\n  - name: n\n    x: 1\n  - name: n\n    x: 2\n", 2, "{\"name\":\"n\",\"x\":1}"},
		{"a list of YAML with others", yamlFormat{list: true}, "s:\n  - 5\n  - name: 7\n  - name: n\n", 4, "{\"name\":\"n\"}"},
		{"a list of YAML that is none", yamlFormat{list: true}, "s:\n  n: 1\n", 2, "1"},
	} {
		value, line, found, err := tt.f.find([]byte(tt.doc), []string{"s", "n"})
		got := ""
		if found {
			text, _ := json.Marshal(value)
			got = string(text)
		}
		if err != nil || got != tt.want || line != tt.line {
			t.Errorf("%s: got %s in line %d, want %s in line %d (%v)", tt.name, got, line, tt.want, tt.line, err)
		}
	}
}

func TestSetWritesAMemberOfYAML(t *testing.T) {
	plain, list := yamlFormat{}, yamlFormat{list: true, head: "name: x\nv: 1\n"}
	for _, tt := range []struct {
		name      string
		f         yamlFormat
		doc, want string
	}{
		{"no file", plain, "", "s:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"no file, with a head", list, "", "name: x\nv: 1\ns:\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"a comment, with a head", list, "# c\n", "# c\nname: x\nv: 1\ns:\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"line ends of Windows, with a head", list, "# c\r\n", "# c\r\nname: x\r\nv: 1\r\ns:\r\n  - name: \"n\"\r\n    c: x\r\n    e:\r\n      A: \"true\"\r\n    l: [\"a\", \"b\"]\r\n    t: true\r\n    \"n\": 300\r\n"},
		{"other members", plain, "a: 1\n", "a: 1\ns:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"a last line that does not end", plain, "a: 1", "a: 1\ns:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300"},
		{"other members, further in", plain, "  a: 1\n", "  a: 1\n  s:\n    \"n\":\n      c: x\n      e:\n        A: \"true\"\n      l: [\"a\", \"b\"]\n      t: true\n      \"n\": 300\n"},
		{"servers without a value", plain, "s: # c\n# d\na: 1\n", "s: # c\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n# d\na: 1\n"},
		{"servers without a value at the end", plain, "a: 1\ns:", "a: 1\ns:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300"},
		{"an empty value", plain, "s: {} # c\na: 1\n", "s: # c\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\na: 1\n"},
		{"a null", plain, "s: ~\n", "s:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"a quoted name", plain, "\"s\": null\n", "\"s\":\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"other servers", plain, "s:\n  b:\n    x: 1\n\na: 1\n", "s:\n  b:\n    x: 1\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n\na: 1\n"},
		{"other servers, four blanks", plain, "s:\n    b:\n        x: 1\n", "s:\n    b:\n        x: 1\n    \"n\":\n        c: x\n        e:\n            A: \"true\"\n        l: [\"a\", \"b\"]\n        t: true\n        \"n\": 300\n"},
		{"other servers, further in, with comments", plain, "s:\n  b:\n    x: 1\n    # of b\n  # of all\n\n# of a\na: 1\n", "s:\n  b:\n    x: 1\n    # of b\n  # of all\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n\n# of a\na: 1\n"},
		{"other servers that do not end", plain, "s:\n  b:\n    x: 1", "s:\n  b:\n    x: 1\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300"},
		{"an entry in the middle", plain, "s:\n  n:\n    x: 1 # c\n    # d\n  # of b\n  b: 1\n", "s:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n  # of b\n  b: 1\n"},
		{"an entry at the end", plain, "s:\n  b: 1\n  n:\n    x: 1\n\na: 1\n", "s:\n  b: 1\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n\na: 1\n"},
		{"an entry that does not end", plain, "s:\n  n:\n    x: 1", "s:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300"},
		{"an item of a list", list, "s:\n  - name: b\n    x: 1\na: 1\n", "s:\n  - name: b\n    x: 1\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\na: 1\n"},
		{"a list that is not further in", list, "s:\n- name: b\n# of a\na: 1\n", "s:\n- name: b\n- name: \"n\"\n  c: x\n  e:\n    A: \"true\"\n  l: [\"a\", \"b\"]\n  t: true\n  \"n\": 300\n# of a\na: 1\n"},
		{"an item that is there", list, "s:\n  - x: 1\n    name: n\n  - name: b\n", "s:\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n  - name: b\n"},
		{"an item behind two blanks", list, "s:\n  -  name: n\n     x: 1\n", "s:\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"an empty list", list, "s: []\n", "s:\n  - name: \"n\"\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"a byte order mark", plain, "\ufeffa: 1\n", "\ufeffa: 1\ns:\n  \"n\":\n    c: x\n    e:\n      A: \"true\"\n    l: [\"a\", \"b\"]\n    t: true\n    \"n\": 300\n"},
		{"line ends of Windows", plain, "a: 1\r\ns:\r\n  b: 1\r\n", "a: 1\r\ns:\r\n  b: 1\r\n  \"n\":\r\n    c: x\r\n    e:\r\n      A: \"true\"\r\n    l: [\"a\", \"b\"]\r\n    t: true\r\n    \"n\": 300\r\n"},
	} {
		got, err := tt.f.set([]byte(tt.doc), []string{"s", "n"}, Object{{"c", "x"}, {"e", Object{{"A", "true"}}}, {"l", []any{"a", "b"}}, {"t", true}, {"n", 300}})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s\n(%v)", tt.name, got, tt.want, err)
		}
	}
}

func TestRemoveTakesAMemberOfYAML(t *testing.T) {
	plain, list := yamlFormat{}, yamlFormat{list: true, head: "name: x\nv: 1\n"}
	for _, tt := range []struct {
		name              string
		f                 yamlFormat
		doc, before, want string
	}{
		{"nothing else", plain, "s:\n  n:\n    x: 1\n", "", ""},
		{"nothing else, where there was a member", plain, "s:\n  n:\n    x: 1\n", "s:\n", "s:\n"},
		{"nothing else, where there was an empty value", plain, "s:\n  n:\n    x: 1\n", "s: {}\n", "s: {}\n"},
		{"nothing else, where there was a value without a line end", plain, "s:\n  n:\n    x: 1\n", "s: {}", "s: {}\n"},
		{"others", plain, "s:\n  b: 1\n  n:\n    x: 1\n  d: 1\n", "", "s:\n  b: 1\n  d: 1\n"},
		{"others of several lines", plain, "s:\n  b:\n    y: 1\n  n:\n    x: 1\n  d:\n    y: 1\n# c\na:\n  b: 1\n", "", "s:\n  b:\n    y: 1\n  d:\n    y: 1\n# c\na:\n  b: 1\n"},
		{"a comment that is less far in than what it is in", plain, "s:\n  n:\n    x: 1\n# c\n    y: 2\n  d: 1\n", "", "s:\n  d: 1\n"},
		{"the only one, before others", plain, "s:\n  n: {}\na: 1\n", "", "a: 1\n"},
		{"the only one, behind others", plain, "a: 1\ns:\n  n: {}\n", "", "a: 1\n"},
		{"comments above and below", plain, "s:\n  # c\n  n: {}\n  # d\na: 1\n", "", "s:\n  # c\n  # d\na: 1\n"},
		{"a comment behind the name", plain, "s: # c\n  n: {}\na: 1\n", "", "s: # c\na: 1\n"},
		{"a comment behind the name at the end", plain, "s: # c\n  n: {}", "", "s: # c"},
		{"at the end of a file that does not end", plain, "a: 1\ns:\n  n: {}", "", "a: 1"},
		{"the last of a file that does not end", plain, "s:\n  b: 1\n  n: {}", "", "s:\n  b: 1"},
		{"blank lines", plain, "s:\n  b: 1\n\n  n: {}\n\na: 1\n", "", "s:\n  b: 1\n\n\na: 1\n"},
		{"the head goes too", list, "name: x\nv: 1\ns:\n  - name: n\n", "", ""},
		{"the head was there", list, "name: x\nv: 1\ns:\n  - name: n\n", "name: x\nv: 1\n", "name: x\nv: 1\n"},
		{"a head of somebody's", list, "name: y\nv: 1\ns:\n  - name: n\n", "", "name: y\nv: 1\n"},
		{"the head before others", list, "name: x\nv: 1\ns:\n  - name: n\na: 1\n", "", "name: x\nv: 1\na: 1\n"},
		{"the head behind a comment", list, "# c\nname: x\nv: 1\ns:\n  - name: n\n", "", "# c\n"},
		{"the head with line ends of Windows", list, "name: x\r\nv: 1\r\ns:\r\n  - name: n\r\n", "", ""},
		{"the head, with a backup that cannot be read", list, "name: x\nv: 1\ns:\n  - name: n\n", "s: [", "name: x\nv: 1\n"},
		{"an item of several", list, "s:\n  - name: b\n  - x: 1\n    name: n\n  - name: d\n", "", "s:\n  - name: b\n  - name: d\n"},
		{"a byte order mark", plain, "\ufeffs:\n  n: {}\na: 1\n", "", "\ufeffa: 1\n"},
		{"a byte order mark before it", plain, "\ufeffs:\n  n: {}\n", "\ufeffs: {}\n", "\ufeffs: {}\n"},
		{"a backup that cannot be read", plain, "a: 1\ns:\n  n: {}\n", "s: [", "a: 1\n"},
	} {
		got, err := tt.f.remove([]byte(tt.doc), []string{"s", "n"}, []byte(tt.before))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, want %q (%v)", tt.name, got, tt.want, err)
		}
	}
}
