package rest

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// docsURI is the resource that LeadMagic's hosted server has too.
const docsURI = "leadmagic://docs"

// addDocs adds the reference of the tools as a resource.
func addDocs(server *mcp.Server, list []*Tool) {
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
func reference(list []*Tool) string {
	var b strings.Builder
	b.WriteString(`# LeadMagic tools over the REST API

An unofficial client of LeadMagic's REST API. Prices are LeadMagic's, as published in September 2026; plans may differ.
Each result says in its _meta what it used and what is left.

| tool | credits |
|---|---|
`)
	for _, t := range list {
		fmt.Fprintf(&b, "| %s | %s |\n", t.Name, t.Cost())
	}
	b.WriteString(`
## Limits

LeadMagic allows so many requests a minute, by plan. A call beyond that waits, for 20 seconds at most, and is made again; a paid call
that was sent and failed otherwise is never repeated. Sustained lookups of which few find anything may be throttled.

## Tools
`)
	for _, t := range list {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.Name, t.Description())
		for _, p := range t.params {
			fmt.Fprintf(&b, "- `%s` (%s): %s\n", p.name, p.traits(), p.what)
		}
		for _, group := range t.oneOf {
			fmt.Fprintf(&b, "- needs at least one of %s\n", strings.Join(group, ", "))
		}
		if t.Aliases != nil {
			fmt.Fprintf(&b, "- also called %s\n", strings.Join(t.Aliases, ", "))
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

// addPrompts adds the two prompts that LeadMagic's hosted server has too.
func addPrompts(server *mcp.Server) {
	domain := &mcp.PromptArgument{Name: "company_domain", Title: "Company domain", Description: "domain of the company, for example acme.com", Required: true}
	person := &mcp.PromptArgument{Name: "full_name", Title: "Full name", Description: "name of the person", Required: true}
	addPrompt(server, &mcp.Prompt{
		Name: "account_research", Title: "Account research", Description: "Research a company before a first conversation",
		Arguments: []*mcp.PromptArgument{domain},
	}, `Research the company {company_domain} with the LeadMagic tools and write a one-page brief.

1. check_credits, and say what the steps below cost at most, as the tools' descriptions have it, before you go on.
2. enrich_company with company_domain {company_domain}.
3. Only as far as it helps the brief: get_company_technographics, find_company_funding, list_company_competitors.
4. find_people_by_role for the one or two roles that would decide.

Write what the company does, its size, what it runs on, what changed lately, who decides, and how to open the conversation. Name what was not found. End with the credits used.`)
	addPrompt(server, &mcp.Prompt{
		Name: "contact_lookup", Title: "Contact lookup", Description: "Find out how to reach a person at a company",
		Arguments: []*mcp.PromptArgument{person, domain},
	}, `Find a way to reach {full_name} at {company_domain} with the LeadMagic tools.

1. find_work_email with full_name {full_name} and domain {company_domain}.
2. If it is found and its status is not valid, validate_work_email.
3. Ask before you look for a mobile number: find_mobile_number costs more.

Answer with the contact details, how sure they are, and the credits used. If nothing is found, say so; do not guess an address.`)
}

// addPrompt adds a prompt whose text has {argument} where an argument goes.
func addPrompt(server *mcp.Server, prompt *mcp.Prompt, template string) {
	server.AddPrompt(prompt, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		var fill []string
		for _, arg := range prompt.Arguments {
			value := strings.TrimSpace(req.Params.Arguments[arg.Name])
			if value == "" {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: prompt.Name + " needs " + arg.Name}
			}
			fill = append(fill, "{"+arg.Name+"}", value)
		}
		return &mcp.GetPromptResult{
			Description: prompt.Description,
			Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: strings.NewReplacer(fill...).Replace(template)}},
			},
		}, nil
	})
}
