package rest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// arguments are what a call gives, as JSON: values are passed on as they came, so that no number loses a
// digit. A null or an empty text is an argument that is not given; models fill in forms.
type arguments struct {
	values  map[string]json.RawMessage // those that are given
	presets map[string]json.RawMessage // what holds where one is not given, null where nothing does
}

// read takes the arguments of a call and says what is wrong with them. Nothing is sent when something is.
func (t *Tool) read(raw json.RawMessage) (arguments, []fault) {
	a := arguments{presets: make(map[string]json.RawMessage)}
	if len(raw) > 0 && json.Unmarshal(raw, &a.values) != nil {
		return a, []fault{{"arguments", "must be an object"}}
	}
	for _, p := range t.params {
		if strings.TrimSpace(text(a.values[p.name])) == "" {
			delete(a.values, p.name)
		}
		a.presets[p.name], _ = json.Marshal(p.preset) // an int, a bool or a string, or null
	}
	faults := readFields("", a.values, t.params)
	for _, group := range t.oneOf {
		if !slices.ContainsFunc(group, a.given) {
			faults = append(faults, fault{strings.Join(group, " or "), "is missing"})
		}
	}
	if faults == nil && t.rule != nil {
		faults = t.rule(a)
	}
	return a, faults
}

func (a arguments) given(name string) bool { return a.values[name] != nil }

// value is an argument, or its preset.
func (a arguments) value(name string) json.RawMessage {
	if v := a.values[name]; v != nil {
		return v
	}
	return a.presets[name]
}

func (a arguments) text(name string) string { return text(a.value(name)) }

// number is an integer argument, or 0.
func (a arguments) number(name string) float64 {
	n, _ := strconv.ParseFloat(string(a.value(name)), 64) // checked before
	return n
}

// flag is a boolean argument; one that is not given is false.
func (a arguments) flag(name string) bool { return string(a.values[name]) == "true" }

// text is the value of a JSON string, empty for null, or any other value as it is written.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// A fault is what is wrong with one argument.
type fault struct{ field, why string }

// maxFaults is how many are named: as many as can be read at once.
const maxFaults = 8

// refuse is the problem of a call that is not sent for its faults.
func (t *Tool) refuse(faults []fault) *problem.Problem {
	var why, fields []string
	for _, f := range faults[:min(len(faults), maxFaults)] {
		why = append(why, f.field+" "+f.why)
		if !slices.Contains(fields, f.field) {
			fields = append(fields, f.field)
		}
	}
	if len(faults) > maxFaults {
		why = append(why, "and more")
	}
	var takes []string
	for _, p := range t.params {
		takes = append(takes, p.name)
	}
	next := "correct " + strings.Join(fields, ", ") + " and call again; " + t.Name + " takes " + cmp.Or(strings.Join(takes, ", "), "no arguments")
	return problem.New(problem.BadRequest, problem.NotSent, t.Name+" was not sent: "+strings.Join(why, "; "), next)
}

// unknown are the faults of members that no field takes, in the order of their names. path is where they stand.
func unknown(path string, members map[string]json.RawMessage, fields []param) []fault {
	var faults []fault
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch {
		case slices.ContainsFunc(fields, func(p param) bool { return p.name == name }):
		case name == "preview":
			faults = append(faults, fault{path + name, "is for LeadMagic's own app and is never sent"})
		default:
			faults = append(faults, fault{path + shown(name), "is not an argument"})
		}
	}
	return faults
}

// shown is a name that a model made up, as it can be repeated to it.
func shown(name string) string {
	name = problem.PrintableLine(name, 40)
	if name == "" || strings.ContainsAny(name, ` ,;"`) {
		return strconv.Quote(name)
	}
	return name
}

// read checks a value that is given, and returns it as it is sent: integers in digits alone, all else as it came. path
// names it.
func (p param) read(path string, raw json.RawMessage) (json.RawMessage, []fault) {
	if why := p.checkKind(raw); why != "" {
		return raw, []fault{{path, why}}
	}
	switch {
	case p.kind == "array":
		return p.readItems(path, raw)
	case p.kind == "object" && p.fields != nil:
		var members map[string]json.RawMessage
		_ = json.Unmarshal(raw, &members) // it begins as an object and is valid JSON
		faults := readFields(path+".", members, p.fields)
		return objectOf(p.fields, members), faults
	case p.kind == "string":
		return raw, p.checkText(path, text(raw))
	case p.kind == "integer", p.kind == nameOrID && raw[0] != '"':
		n, _ := strconv.ParseFloat(string(raw), 64) // beyond all bounds it is ±Inf
		faults := p.checkBounds(path, "be", n)
		digits, _ := whole(string(raw))
		if digits == "" && faults == nil {
			faults = []fault{{path, "is too large"}}
		}
		return json.RawMessage(digits), faults
	}
	return raw, nil
}

// checkKind says what a value must be, unless it is that.
func (p param) checkKind(raw json.RawMessage) string {
	is := kindOf(raw)
	ok, must := is == p.kind, map[string]string{
		"string": "text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "an object",
		nameOrID: "text or a whole number",
	}[p.kind]
	if p.kind == nameOrID {
		ok = is == "string" || is == "integer"
	}
	if ok {
		return ""
	}
	return "must be " + must + ", not " + map[string]string{
		"string": "text", "integer": "a number", "number": "a fraction", "boolean": "true or false", "array": "a list", "object": "an object",
		"null": "null",
	}[is]
}

// kindOf is the JSON Schema type of a value.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if _, ok := whole(string(raw)); !ok {
		return "number"
	}
	return "integer"
}

// maxBits bounds whole numbers, at 40 digits: no argument has one that is longer.
const maxBits = 132

// whole is a JSON number in digits alone, if it is a whole number in whatever notation: 5.0 and 50e-1 are 5. It is
// empty for one that is far too large for that.
func whole(number string) (digits string, ok bool) {
	n, ok := new(big.Rat).SetString(number)
	switch {
	case !ok: // its exponent is beyond all bounds
		return "", !strings.Contains(strings.ToLower(number), "e-")
	case !n.IsInt():
		return "", false
	case n.Num().BitLen() > maxBits:
		return "", true
	}
	return n.Num().String(), true
}

// maxPlaced bounds what goes into a URL, in bytes: servers cut connections over lines that are too long.
const maxPlaced = 200

func (p param) checkText(path, value string) []fault {
	switch {
	case p.enum != nil && !slices.Contains(p.enum, value):
		return []fault{{path, "must be one of " + strings.Join(p.enum, ", ")}}
	case p.place != "" && len(value) > maxPlaced:
		return []fault{{path, fmt.Sprintf("must not be longer than %d bytes", maxPlaced)}}
	case (p.place == inPath || p.place == atEnd) && (value == "." || value == ".."):
		// Escaping leaves them alone, and they lead to another path.
		return []fault{{path, "must not be . or .."}}
	}
	return nil
}

func (p param) checkBounds(path, must string, n float64) []fault {
	switch {
	case p.least != nil && n < float64(*p.least):
		return []fault{{path, fmt.Sprintf("must %s at least %d", must, *p.least)}}
	case p.most != nil && n > float64(*p.most):
		return []fault{{path, fmt.Sprintf("must %s at most %d", must, *p.most)}}
	}
	return nil
}

func (p param) readItems(path string, raw json.RawMessage) (json.RawMessage, []fault) {
	var items []json.RawMessage
	_ = json.Unmarshal(raw, &items) // it begins as a list and is valid JSON
	faults := p.checkBounds(path, "have a length of", float64(len(items)))
	var list []string
	for i, item := range items {
		if len(faults) > maxFaults {
			break
		}
		item, wrong := p.items.read(fmt.Sprintf("%s[%d]", path, i), item)
		list, faults = append(list, string(item)), append(faults, wrong...)
	}
	return json.RawMessage("[" + strings.Join(list, ",") + "]"), faults
}

// readFields checks the members of an object and replaces them by what is sent. path is where they stand.
func readFields(path string, members map[string]json.RawMessage, fields []param) []fault {
	faults := unknown(path, members, fields)
	for _, field := range fields {
		switch value, ok := members[field.name]; {
		case ok:
			var wrong []fault
			members[field.name], wrong = field.read(path+field.name, value)
			faults = append(faults, wrong...)
		case field.required:
			faults = append(faults, fault{path + field.name, "is missing"})
		}
	}
	return faults
}

// objectOf is a JSON object of the fields that have a value, in their order.
func objectOf(fields []param, values map[string]json.RawMessage) []byte {
	var members []string
	for _, field := range fields {
		if value := values[field.name]; value != nil {
			members = append(members, strconv.Quote(field.name)+":"+string(value))
		}
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}
