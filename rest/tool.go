package rest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
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

// table is every tool, by name. It is built when it is needed: most sessions are not served from here.
func table() []tool {
	list := slices.Concat(accountTools(), peopleTools(), companyTools(), jobTools(), adTools())
	slices.SortFunc(list, func(a, b tool) int { return cmp.Compare(a.name, b.name) })
	return list
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
