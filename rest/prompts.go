package rest

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

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
