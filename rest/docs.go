package rest

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// docsURI is the resource that LeadMagic's hosted server has too.
const docsURI = "leadmagic://docs"

// addDocs adds the reference of the tools as a resource.
func addDocs(server *mcp.Server, list []tool) {
	server.AddResource(&mcp.Resource{
		URI: docsURI, Name: "docs", Title: "Tool reference",
		Description: "What each tool takes, what it costs and where its limits are", MIMEType: "text/markdown",
	}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
			{URI: docsURI, MIMEType: "text/markdown", Text: reference(list)},
		}}, nil
	})
}

// reference is the table as a person or a model reads it.
func reference(list []tool) string {
	var b strings.Builder
	b.WriteString(`# LeadMagic tools over the REST API

An unofficial client of LeadMagic's REST API. Prices are LeadMagic's, as published in September 2026; plans may differ.
Each result says in its _meta what it used and what is left.

| tool | credits |
|---|---|
`)
	for i := range list {
		t := &list[i]
		fmt.Fprintf(&b, "| %s | %s |\n", t.name, cmp.Or(t.price.short, "free"))
	}
	b.WriteString(`
## Limits

LeadMagic allows so many requests a minute, by plan. A call beyond that waits, for 20 seconds at most, and is made again; a paid call
that was sent and failed otherwise is never repeated. Sustained lookups of which few find anything may be throttled.

## Tools
`)
	for i := range list {
		t := &list[i]
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.name, t.description())
		for _, p := range t.params {
			fmt.Fprintf(&b, "- `%s` (%s): %s\n", p.name, p.traits(), p.what)
		}
		for _, group := range t.oneOf {
			fmt.Fprintf(&b, "- needs at least one of %s\n", strings.Join(group, ", "))
		}
		if t.aliases != nil {
			fmt.Fprintf(&b, "- also called %s\n", strings.Join(t.aliases, ", "))
		}
	}
	return b.String()
}

// traits are what a param must be, in short.
func (p param) traits() string {
	traits := []string{cmp.Or(p.format, p.kind)}
	if p.kind == "array" {
		traits[0] = "list of " + p.items.kind
	}
	if p.required {
		traits = append(traits, "needed")
	}
	if p.enum != nil {
		traits = append(traits, "one of "+strings.Join(p.enum, " "))
	}
	switch {
	case p.least != nil && p.most != nil:
		traits = append(traits, fmt.Sprintf("%d to %d", *p.least, *p.most))
	case p.least != nil:
		traits = append(traits, fmt.Sprintf("at least %d", *p.least))
	case p.most != nil:
		traits = append(traits, fmt.Sprintf("at most %d", *p.most))
	}
	if p.preset != nil {
		traits = append(traits, fmt.Sprintf("default %v", p.preset))
	}
	return strings.Join(traits, ", ")
}
