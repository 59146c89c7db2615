package rest

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A Tool is one row of the table: a route of LeadMagic's REST API as a model sees it.
type Tool struct {
	Name, Title string
	Route       string   // method and path; {name} in the path stands for an argument
	Aliases     []string // further names that calls may use; they are not listed

	what   string // for a model that chooses a tool, in whole sentences
	price  price
	params []param
	oneOf  [][]string              // of each group, one argument is needed
	rule   func(arguments) []fault // what arguments of the right types may still do wrong
	hits   []string                // members of an answer that are all empty when nothing was found
}

// Free says that no call of the tool costs anything.
func (t *Tool) Free() bool { return t.price.most == nil }

// Cost is the price in credits, in words as short as a table has them: "free", "5 if found", "1 per ad".
func (t *Tool) Cost() string { return cmp.Or(t.price.short, "free") }

// Description is what a model is told: what the tool does, and what it costs at most.
func (t *Tool) Description() string {
	if t.Free() {
		return t.what + " Free."
	}
	return t.what + " Costs " + t.price.text + "."
}

// describe is the tool as tools/list shows it. It has no output schema: LeadMagic's documented shapes
// disagree, and clients throw away results that do not fit, paid or not.
func (t *Tool) describe() *mcp.Tool {
	in := new(jsonschema.Schema)
	describeFields(in, t.params)
	for _, group := range t.oneOf {
		// Model APIs reject anyOf at the top of a schema.
		for _, name := range group {
			in.Properties[name].Description += "; at least one of " + strings.Join(group, ", ") + " is needed"
		}
	}
	return &mcp.Tool{
		Name:        t.Name,
		Title:       t.Title,
		Description: t.Description(),
		InputSchema: in,
		Annotations: &mcp.ToolAnnotations{
			Title: t.Title,
			// Some agents run read-only tools unasked, so a tool that spends money is none.
			ReadOnlyHint:    t.Free(),
			IdempotentHint:  t.Free(),
			DestructiveHint: new(false),
			OpenWorldHint:   new(true),
		},
	}
}

// byName finds tools by their names and aliases.
func byName(list []*Tool) map[string]*Tool {
	names := make(map[string]*Tool)
	for _, t := range list {
		names[t.Name] = t
		for _, alias := range t.Aliases {
			names[alias] = t
		}
	}
	return names
}

// A param is one argument of a tool: what its schema says of it, and what is checked before anything is sent.
type param struct {
	name     string
	kind     string // a JSON Schema type, or nameOrID
	what     string
	required bool
	format   string   // a hint for the model: LeadMagic judges it, for free
	enum     []string // of a string
	least    *int     // of an integer, or of the length of an array
	most     *int
	preset   any     // what holds when it is not given
	send     bool    // the preset is ours and is sent; otherwise it is LeadMagic's own
	place    string  // where it goes: inQuery, inPath, atEnd, or else the body
	items    *param  // of an array
	fields   []param // of an object; without any, an object holds what it likes
}

// nameOrID is the kind of what LeadMagic takes by its name or by its number.
const nameOrID = "name or id"

// Places of an argument other than the body.
const (
	inQuery = "query"
	inPath  = "path"
	atEnd   = "end of the path" // if it is given
)

// must is p as an argument that a call cannot do without.
func (p param) must() param {
	p.required = true
	return p
}

// schema is what a model is told of p.
func (p param) schema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: p.kind, Description: p.what, Format: p.format}
	switch p.kind {
	case nameOrID:
		s.Type, s.AnyOf = "", []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}}
	case "integer":
		s.Minimum, s.Maximum = number(p.least), number(p.most)
	case "array":
		s.MinItems, s.MaxItems, s.Items = p.least, p.most, p.items.schema()
	case "object":
		if p.fields != nil {
			describeFields(s, p.fields)
		}
	}
	for _, value := range p.enum {
		s.Enum = append(s.Enum, value)
	}
	if p.preset != nil {
		s.Default, _ = json.Marshal(p.preset) // an int, a bool or a string
	}
	return s
}

// describeFields makes s an object with these fields and no others.
func describeFields(s *jsonschema.Schema, fields []param) {
	s.Type = "object"
	s.Properties = make(map[string]*jsonschema.Schema, len(fields))
	s.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}} // written as false
	for _, p := range fields {
		s.Properties[p.name] = p.schema()
		s.PropertyOrder = append(s.PropertyOrder, p.name)
		if p.required {
			s.Required = append(s.Required, p.name)
		}
	}
}

func number(n *int) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

// A price is what a call costs. The zero price is free.
type price struct {
	short string // in a table, as "5 if found"
	text  string // in a sentence, after "Costs"
	// most is the worst case of a call.
	most func(arguments) problem.Credits
	// rows is the argument that bounds the rows paid for, if they are paid for one by one.
	rows string
}

// flat is a price that does not depend on the arguments.
func flat(credits float64, short, text string) price {
	return price{short: short, text: text, most: func(arguments) problem.Credits { return problem.ToCredits(credits) }}
}

// perRow is a price of base and of each row that the argument rows allows.
func perRow(base, each float64, rows, short, text string) price {
	return price{short: short, text: text, rows: rows, most: func(a arguments) problem.Credits {
		return problem.ToCredits(base) + problem.ToCredits(each)*problem.Credits(a.number(rows))
	}}
}

// Costs is the worst-case cost of calls, over the REST API or to the hosted server. It is not known of tools that are not in
// the table. A call that the REST API's table refuses is not sent and costs nothing. The hosted server's tools of the same
// names run the same lookups, but may take other arguments and other limits: so there the cost is known of free tools, and of
// calls whose arguments the table knows and which say how many rows they want.
func Costs() func(tool string, args []byte, hosted bool) (credits problem.Credits, known bool) {
	tools := byName(Tools())
	return func(name string, args []byte, hosted bool) (problem.Credits, bool) {
		t := tools[name]
		if t == nil || t.Free() {
			return 0, t != nil
		}
		a, faults := t.read(args)
		switch {
		case faults != nil:
			return 0, !hosted
		case hosted && t.price.rows != "" && !a.given(t.price.rows):
			return 0, false
		}
		return t.price.most(a), true
	}
}
