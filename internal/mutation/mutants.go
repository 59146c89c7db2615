package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
)

// A mutant is one change to a file that its tests should notice.
type mutant struct {
	number   int    // from 1, among those in the program
	file     string // as the parser was given it
	line     int
	function string // in which it is, "" outside of functions
	from, to int    // the bytes that are replaced
	old, new string
	context  string // the line in which they begin
}

// String says where the mutant is and what it changes, in one line.
func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.change()) }

// id is String without the number of the line, which other changes to the file move.
func (m mutant) id() string { return m.file + ": " + m.change() }

func (m mutant) change() string {
	return fmt.Sprintf("%s: %s: %s → %s", m.function, short(m.context), short(m.old), short(m.new))
}

// variable is what in the environment has the number of the mutant that runs.
const variable = "MUTANT"

// selected is a file that reads the variable.
func selected(pkg string) []byte {
	return fmt.Appendf(nil, `package %s

import mutationOS "os"
import mutationStrconv "strconv"

var selectedMutant, _ = mutationStrconv.Atoi(mutationOS.Getenv(%q))
`, pkg, variable)
}

// A place is the lines of a file that stand for one mutant.
type place struct{ number, from, to int }

// withMutants is a file of the package with all its mutants: each function begins with a switch that runs the body of the mutant
// that is selected.
func withMutants(name string, source []byte, mutants []mutant) (all []byte, places []place, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	copied, line := 0, 1 // how much of the source is in all, and the number of its last line
	write := func(text ...[]byte) {
		for _, t := range text {
			all = append(all, t...)
			line += bytes.Count(t, []byte("\n"))
		}
	}
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		begin, end := offset(function.Body.Lbrace)+1, offset(function.Body.Rbrace)
		results, before, after := "", "", "; return"
		if list := function.Type.Results; list != nil {
			results, before, after = string(source[offset(list.Pos()):offset(list.End())]), "return ", ""
		}
		write(source[copied:begin], []byte("\nswitch selectedMutant {\n"))
		copied = begin
		for _, m := range mutants {
			if path.Base(m.file) != name || m.from < begin || end < m.to {
				continue
			}
			from := line
			write(fmt.Appendf(nil, "case %d: %sfunc() %s {", m.number, before, results),
				source[begin:m.from], []byte(m.new), source[m.to:end], fmt.Appendf(nil, "\n}()%s\n", after))
			places = append(places, place{m.number, from, line - 1})
		}
		write([]byte("}\n"))
	}
	write(source[copied:])
	return all, places, nil
}

// short is a piece of code in one line.
func short(code string) string {
	code = strings.Join(strings.Fields(code), " ")
	if runes := []rune(code); len(runes) > 80 {
		code = string(runes[:79]) + "…"
	}
	if code == "" {
		return "nothing"
	}
	return code
}

// swaps are the operators that stand in for another.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL},
}

// mutantsOf lists the mutants of a file, in its order. Some of them do not compile.
func mutantsOf(name string, source []byte) ([]mutant, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var list []mutant
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue // a table or a constant says what is wanted, and no test can know better
		}
		c := collector{name: name, function: function.Name.Name, source: source, set: set}
		ast.Inspect(function.Body, c.visit)
		list = append(list, c.list...)
	}
	return list, nil
}

type collector struct {
	name, function string
	source         []byte
	set            *token.FileSet
	list           []mutant
}

func (c *collector) add(from, to token.Pos, replacement string) {
	m := mutant{
		file: c.name, line: c.set.Position(from).Line, function: c.function,
		from: c.set.Position(from).Offset, to: c.set.Position(to).Offset, new: replacement,
	}
	m.old = string(c.source[m.from:m.to])
	before := bytes.LastIndexByte(c.source[:m.from], '\n') + 1
	line, _, _ := bytes.Cut(c.source[before:], []byte("\n"))
	m.context = string(line)
	c.list = append(c.list, m)
}

func (c *collector) text(n ast.Node) string {
	return string(c.source[c.set.Position(n.Pos()).Offset:c.set.Position(n.End()).Offset])
}

// replace adds a mutant of a whole node.
func (c *collector) replace(n ast.Node, replacement string) { c.add(n.Pos(), n.End(), replacement) }

func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		c.condition(n.Cond)
	case *ast.CaseClause:
		for _, e := range n.List {
			if _, isBinary := e.(*ast.BinaryExpr); isBinary {
				c.condition(e)
			}
		}
		if len(n.List) > 1 { // one of several values, or conditions, is not there
			c.add(n.List[0].Pos(), n.List[1].Pos(), "")
			c.add(n.List[len(n.List)-2].End(), n.List[len(n.List)-1].End(), "")
		}
	case *ast.BinaryExpr:
		for _, op := range swaps[n.Op] {
			left, right := c.text(n.X), c.text(n.Y)
			c.replace(n, left+" "+op.String()+" "+right)
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			c.replace(n, c.text(n.X))
		}
		if _, isNumber := n.X.(*ast.BasicLit); isNumber {
			return false
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			c.replace(n, "("+n.Value+" + 1)")
		}
	case *ast.Ident:
		if n.Name == "true" || n.Name == "false" {
			c.replace(n, fmt.Sprint(n.Name == "false"))
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && c.text(f.X) == "strconv" {
			ast.Inspect(n.Args[0], c.visit)
			return false // a base and a size, of which others mean the same
		}
	case *ast.AssignStmt:
		c.assignment(n)
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok && !isLog(call) {
			c.replace(n, "")
		}
	case *ast.IncDecStmt, *ast.BranchStmt, *ast.DeferStmt, *ast.SendStmt:
		c.replace(n, "")
	}
	return true
}

// condition adds that a condition never holds, and that it always does.
func (c *collector) condition(e ast.Expr) {
	c.replace(e, "("+c.text(e)+") && false")
	c.replace(e, "("+c.text(e)+") || true")
}

// assignment adds that what is assigned is dropped. What declares a variable is left alone, and what is dropped anyway.
func (c *collector) assignment(n *ast.AssignStmt) {
	var blanks []string
	named := false
	for _, e := range n.Lhs {
		id, ok := e.(*ast.Ident)
		named = named || !ok || id.Name != "_"
		blanks = append(blanks, "_")
	}
	if n.Tok != token.DEFINE && named {
		c.add(n.Pos(), n.Rhs[0].Pos(), strings.Join(blanks, ", ")+" = ")
	}
}

// isLog reports whether a call writes to a log, which tests need not notice.
func isLog(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	switch strings.TrimSuffix(method.Sel.Name, "Context") {
	case "Debug", "Info", "Warn", "Error":
		return true
	}
	return false
}
