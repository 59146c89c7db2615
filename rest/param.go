package rest

import (
	"encoding/json"

	"github.com/google/jsonschema-go/jsonschema"
)

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
