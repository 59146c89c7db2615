package rest

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// A tool is one row of the table: a route of LeadMagic's REST API as a model sees it.
type tool struct {
	name, title  string
	aliases      []string // further names that calls may use; they are not listed
	method, path string   // {name} in the path stands for an argument
	what         string   // for a model that chooses a tool, in whole sentences
	price        price
	params       []param
	oneOf        [][]string              // of each group, one argument is needed
	rule         func(arguments) []fault // what arguments of the right types may still do wrong
	route        func(arguments) string  // the path, where it depends on the arguments
	hits         []string                // members of an answer that are all empty when nothing was found
}

func (t *tool) free() bool { return t.price.most == nil }

// description is what a model is told: what the tool does, and what it costs at most.
func (t *tool) description() string {
	if t.free() {
		return t.what + " Free."
	}
	return t.what + " Costs " + t.price.text + "."
}

// describe is the tool as tools/list shows it. It has no output schema: LeadMagic's documented shapes
// disagree, and clients throw away results that do not fit, paid or not.
func (t *tool) describe() *mcp.Tool {
	in := new(jsonschema.Schema)
	describeFields(in, t.params)
	for _, group := range t.oneOf {
		// Model APIs reject anyOf at the top of a schema.
		for _, name := range group {
			in.Properties[name].Description += "; at least one of " + strings.Join(group, ", ") + " is needed"
		}
	}
	return &mcp.Tool{
		Name:        t.name,
		Title:       t.title,
		Description: t.description(),
		InputSchema: in,
		Annotations: &mcp.ToolAnnotations{
			Title: t.title,
			// Some agents run read-only tools unasked, so a tool that spends money is none.
			ReadOnlyHint:    t.free(),
			IdempotentHint:  t.free(),
			DestructiveHint: new(false),
			OpenWorldHint:   new(true),
		},
	}
}

// A Tool is what is known of a tool without asking LeadMagic.
type Tool struct {
	Name, Title string
	// Aliases are further names that a call may use.
	Aliases []string
	// Method and Path are the route of LeadMagic's REST API; {name} in Path stands for an argument.
	Method, Path string
	// Cost is the price in credits, in words as short as a table has them: "free", "5 if found", "1 per ad".
	// Description says it in full, worst case included.
	Cost string
	// Free says that no call of the tool costs anything.
	Free bool
	// Description is what a model is told.
	Description string
}

// Tools lists the tools of the REST API, by name.
func Tools() []Tool {
	var list []Tool
	for _, t := range table() {
		list = append(list, Tool{
			Name: t.name, Title: t.title, Aliases: t.aliases, Method: t.method, Path: t.path,
			Cost: cmp.Or(t.price.short, "free"), Free: t.free(), Description: t.description(),
		})
	}
	return list
}

// byName finds tools by their names and aliases.
func byName(list []tool) map[string]*tool {
	names := make(map[string]*tool, 2*len(list))
	for i := range list {
		names[list[i].name] = &list[i]
		for _, alias := range list[i].aliases {
			names[alias] = &list[i]
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
	place    string  // where it goes: inQuery, inPath, or else the body
	items    *param  // of an array
	fields   []param // of an object; without any, an object holds what it likes
}

// nameOrID is the kind of what LeadMagic takes by its name or by its number.
const nameOrID = "name or id"

// Places of an argument other than the body.
const (
	inQuery = "query"
	inPath  = "path"
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

// Costs is the worst-case cost of calls over the REST API. A call that is refused before it is
// sent costs nothing. The cost is not known of tools that are not in the table.
func Costs() func(tool string, args []byte) (credits problem.Credits, known bool) {
	tools := byName(table())
	return func(name string, args []byte) (problem.Credits, bool) {
		t := tools[name]
		switch {
		case t == nil:
			return 0, false
		case t.free():
			return 0, true
		}
		a, faults := t.read(args)
		if faults != nil {
			return 0, true
		}
		return t.price.most(a), true
	}
}

// HostedCosts is the worst-case cost of calls to the hosted server, as far as the same table tells: its tools
// of these names run the same lookups, but may take other arguments and other limits. So the cost is known
// of free tools, and of calls whose arguments the table knows and which say how many rows they want.
func HostedCosts() func(tool string, args []byte) (credits problem.Credits, known bool) {
	tools := byName(table())
	return func(name string, args []byte) (problem.Credits, bool) {
		t := tools[name]
		switch {
		case t == nil:
			return 0, false
		case t.free():
			return 0, true
		}
		a, faults := t.read(args)
		if faults != nil || t.price.rows != "" && !a.given(t.price.rows) {
			return 0, false
		}
		return t.price.most(a), true
	}
}
