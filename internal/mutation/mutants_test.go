package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMutantsOf(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		want       []string // as old → new
	}{
		{"a comparison", "_ = a < b", []string{"a < b → a <= b", "a < b → a >= b"}},
		{"a condition", "if f(a) { return }", []string{"f(a) → (f(a)) && false", "f(a) → (f(a)) || true"}},
		{
			"a condition of two", "if a && !b { return }",
			[]string{"a && !b → (a && !b) && false", "a && !b → (a && !b) || true", "a && !b → a || !b", "!b → b"},
		},
		{"a number", "_ = 41", []string{"41 → (41 + 1)"}},
		{"a negative number", "_ = -1", []string{"-1 → 1"}},
		{"the size of a number", "_ = strconv.ParseInt(a+b, 10, 64)", []string{"a+b → a - b"}},
		{"a truth", "_ = true", []string{"true → false"}},
		{"an assignment", "a = b", []string{"a = → _ ="}},
		{"one of two", "a, b.c = f()", []string{"a, b.c = → _, _ ="}},
		{"an assignment with an operator", "a += b", []string{"a += → _ ="}},
		{"a declaration and what is dropped anyway", "a := b; _ = a", nil},
		{"a call", "f(a)", []string{"f(a) → nothing"}},
		{"a log", "log.DebugContext(ctx, a)", nil},
		{"what is done at the end", "defer f()", []string{"defer f() → nothing"}},
		{"a loop", "for { a++; continue }", []string{"a++ → nothing", "continue → nothing"}},
		{"one of several cases", "switch a { case b, c: }", []string{"b, → nothing", ", c → nothing"}},
		{"cases that are conditions", "switch { case a == b: }", []string{"a == b → (a == b) && false", "a == b → (a == b) || true", "a == b → a != b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := []byte("package p\n\nvar table = 1 < 2\n\nfunc f() {\n" + tt.code + "\n}\n")
			list, err := mutantsOf("p/p.go", source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range list {
				got = append(got, short(m.old)+" → "+short(m.new))
				if m.line != 6 || m.function != "f" || !strings.HasPrefix(m.String(), "p/p.go:6: f: "+tt.code+": ") || m.id() != strings.Replace(m.String(), ":6", "", 1) {
					t.Errorf("got %s, id %s", m, m.id())
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	if _, err := mutantsOf("p.go", []byte("package")); err == nil {
		t.Error("half a file has mutants")
	}
}
