package sandbox

import (
	"encoding/json"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// schema is the input schema of the operation's tool.
func (op *operation) schema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for _, p := range op.params {
		s.Properties[p.name] = p.schema()
		s.PropertyOrder = append(s.PropertyOrder, p.name)
		if p.required {
			s.Required = append(s.Required, p.name)
		}
	}
	return s
}

func (p param) schema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: p.kind, Description: p.what}
	if p.format != "" {
		s.Format = p.format
	}
	for _, value := range p.enum {
		s.Enum = append(s.Enum, value)
	}
	if p.def != nil {
		s.Default, _ = json.Marshal(p.def) // an int or a string
	}
	switch p.kind {
	case "integer":
		s.Minimum, s.Maximum = bound(p.min), bound(p.max)
	case "array":
		if p.min != 0 {
			s.MinItems = &p.min
		}
		if p.max != 0 {
			s.MaxItems = &p.max
		}
	}
	return s
}

func bound(n int) *float64 {
	if n == 0 {
		return nil
	}
	f := float64(n)
	return &f
}

// annotations tell a client that free tools change nothing and that paid ones do: they spend credits.
func (op *operation) annotations() *mcp.ToolAnnotations {
	no, yes := false, true
	return &mcp.ToolAnnotations{Title: op.title, ReadOnlyHint: !op.paid, DestructiveHint: &no, OpenWorldHint: &yes}
}
