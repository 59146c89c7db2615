package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// operation is one thing LeadMagic does: a REST route and, under the hosted server's name, an MCP tool. Both surfaces are
// served from these tables, so a call means the same on either.
type operation struct {
	tool, title, what string   // the hosted server's name, a title, what it does and costs; one without a title is no tool
	also              []string // further names of the same tool
	routes            []string // of REST, as "METHOD /path"; a {name} in the path is a parameter
	params            []param
	oneOf             [][]string // of each group at least one is needed
	paid              bool
	none              object // the answer when nothing is found; nil if that is for answer to say
	answer            func(input, *account) answer
}

// toolNames are the names under which the hosted server offers the operation.
func (op *operation) toolNames() []string {
	if op.title == "" {
		return nil
	}
	return append([]string{op.tool}, op.also...)
}

// param is one argument.
type param struct {
	name, kind, what string // kind is a JSON Schema type
	required         bool
	format           string // a hint, but date is checked
	enum             []string
	min, max         int // bounds of an integer, or of an array's length; 0 means none
	def              any
}

// answer is what an operation found and what it charges for that.
type answer struct {
	body     any // JSON, as REST sends it
	credits  float64
	consumed bool // REST says it in X-Credits-Consumed too
}

// find is the answer to arguments that are in order.
func (op *operation) find(in input, acc *account) answer {
	if op.none != nil && in.misses() {
		return found(0, "", maps.Clone(op.none))
	}
	return op.answer(in, acc)
}

// found is an answer that costs credits.
func found(credits float64, message string, body object) answer {
	credits = toCents(credits).credits() // 3 × 0.05 is 0.15 on a bill
	body["credits_consumed"] = credits
	if message != "" {
		body["message"] = message
	}
	body["sandbox"] = notice
	return answer{body: body, credits: credits}
}

// input is the arguments of a call, numbers as [json.Number].
type input map[string]any

// decodeInput reads arguments from a JSON object; nothing and null are no arguments.
func decodeInput(raw []byte) (input, *refusal) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return input{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var in input
	if err := dec.Decode(&in); err != nil || dec.More() {
		return nil, refuse(http.StatusBadRequest, "invalid_json", "the body is not a JSON object")
	}
	return in, nil
}

// text is a string argument without blanks around it, or "".
func (in input) text(name string) string {
	v, _ := in[name].(string)
	return strings.TrimSpace(v)
}

func (in input) flag(name string) bool {
	v, _ := in[name].(bool)
	return v
}

// number is an integer argument, or def when it is not set.
func (in input) number(name string, def int) int {
	n, _ := in[name].(json.Number)
	if i, err := n.Int64(); err == nil {
		return int(i)
	}
	return def
}

// misses reports whether the input asks for nothing to be found: see the package comment.
func (in input) misses() bool {
	for _, v := range in {
		if text, ok := v.(string); ok {
			text = strings.ToLower(text)
			if strings.Contains(text, "nobody") || strings.HasSuffix(text, ".invalid") || strings.Contains(text, ".invalid/") {
				return true
			}
		}
	}
	return false
}

// check finds what is wrong with the arguments of a call.
func (op *operation) check(in input) *refusal {
	if _, ok := in["preview"]; ok {
		return refuse(http.StatusForbidden, "insufficient_permissions", "preview is for LeadMagic's own app", "preview")
	}
	for _, p := range op.params {
		value, ok := in[p.name]
		if !ok || value == nil || value == "" {
			if p.required {
				return refuse(http.StatusBadRequest, "missing_required_field", p.name+" is required", p.name)
			}
			continue
		}
		if why := p.check(value); why != "" {
			return refuse(http.StatusBadRequest, "invalid_parameter", p.name+" "+why, p.name)
		}
	}
	for _, group := range op.oneOf {
		if !slices.ContainsFunc(group, func(name string) bool { v, ok := in[name]; return ok && v != nil && v != "" }) {
			return refuse(http.StatusBadRequest, "missing_required_field", "one of "+strings.Join(group, ", ")+" is required", group...)
		}
	}
	return nil
}

// kinds are the kinds of a [param], in words.
var kinds = map[string]string{"string": "a string", "integer": "an integer", "boolean": "true or false", "array": "an array", "object": "an object"}

// check says what is wrong with a value, or "".
func (p param) check(value any) string {
	kind, size, must := "", 0, "must be"
	switch v := value.(type) {
	case string:
		kind = "string"
	case json.Number:
		if i, err := v.Int64(); err == nil {
			kind, size = "integer", int(i)
		}
	case bool:
		kind = "boolean"
	case []any:
		kind, size, must = "array", len(v), "must have a length of"
	case map[string]any:
		kind = "object"
	}
	text, _ := value.(string)
	_, noDate := time.Parse(time.DateOnly, text)
	switch {
	case kind != p.kind:
		return "must be " + kinds[p.kind]
	case p.enum != nil && !slices.Contains(p.enum, text):
		return "must be one of " + strings.Join(p.enum, ", ")
	case p.format == "date" && noDate != nil:
		return "must be a date like 2026-01-31"
	case p.min != 0 && size < p.min:
		return fmt.Sprintf("%s at least %d", must, p.min)
	case p.max != 0 && size > p.max:
		return fmt.Sprintf("%s at most %d", must, p.max)
	}
	return ""
}

// carryOut checks the arguments of a call, finds the answer and charges for it.
func (s *Sandbox) carryOut(upstream string, op *operation, in input) (answer, *refusal) {
	if why := op.check(in); why != nil {
		return answer{}, why
	}
	found := op.find(in, s.account)
	if !s.charge(found.credits) {
		return answer{}, noCredits(found.credits, s.Balance())
	}
	if s.opts.Hooks.Called != nil {
		args, _ := json.Marshal(in) // it was decoded from JSON
		s.opts.Hooks.Called(Call{Upstream: upstream, Tool: op.tool, Args: args, Credits: found.credits})
	}
	return found, nil
}

// operations is every operation of LeadMagic's that the sandbox knows.
var operations = sync.OnceValue(func() []*operation {
	return slices.Concat(accountOperations(), peopleOperations(), companyOperations(), jobOperations(), adOperations(), searchOperations())
})

// schema is the input schema of the operation's tool.
func (op *operation) schema() object {
	required, properties := []string{}, object{}
	for _, p := range op.params {
		least, most := "minimum", "maximum"
		if p.kind == "array" {
			least, most = "minItems", "maxItems"
		}
		s := object{"type": p.kind, "description": p.what, "format": p.format, "enum": p.enum, "default": p.def, least: p.min, most: p.max}
		maps.DeleteFunc(s, func(_ string, value any) bool { return value == nil || reflect.ValueOf(value).IsZero() })
		properties[p.name] = s
		if p.required {
			required = append(required, p.name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}
