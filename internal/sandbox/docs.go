package sandbox

import (
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// docsURI is the one resource of the hosted server.
const docsURI = "leadmagic://docs"

// addDocs adds the hosted server's one resource.
func addDocs(server *mcp.Server) {
	server.AddResource(&mcp.Resource{
		URI: docsURI, Name: "docs", Title: "Tool reference", Description: "What each tool does and what it costs", MIMEType: "text/markdown",
	}, func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, MIMEType: "text/markdown", Text: reference()}}}, nil
	})
}

// addPrompts adds the hosted server's two prompts.
func addPrompts(server *mcp.Server) {
	for _, p := range prompts() {
		addPrompt(server, p)
	}
}

func addPrompt(server *mcp.Server, p prompt) {
	server.AddPrompt(p.prompt, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{
			Description: p.prompt.Description,
			Messages:    []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: p.text(req.Params.Arguments)}}},
		}, nil
	})
}

// reference is the text of the resource.
func reference() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# LeadMagic sandbox\n\nEverything here is %s.\n\n", notice)
	for _, op := range operations() {
		if !op.hidden {
			fmt.Fprintf(&b, "- `%s`: %s\n", op.tool, op.what)
		}
	}
	return b.String()
}

type prompt struct {
	prompt *mcp.Prompt
	text   func(args map[string]string) string
}

func prompts() []prompt {
	return []prompt{
		{
			prompt: &mcp.Prompt{
				Name: "account_research", Title: "Account research", Description: "Research a company before a first call",
				Arguments: []*mcp.PromptArgument{{Name: "company_domain", Description: "domain of the company", Required: true}},
			},
			text: func(args map[string]string) string {
				return "Research " + args["company_domain"] + " with LeadMagic: enrich_company first, then find_people_by_role for the head of sales. Say what each step costs. (Sandbox: the data is invented.)"
			},
		},
		{
			prompt: &mcp.Prompt{
				Name: "contact_lookup", Title: "Contact lookup", Description: "Find how to reach a person",
				Arguments: []*mcp.PromptArgument{
					{Name: "full_name", Description: "name of the person", Required: true},
					{Name: "company_domain", Description: "domain of the person's company", Required: true},
				},
			},
			text: func(args map[string]string) string {
				return "Find a work email for " + args["full_name"] + " at " + args["company_domain"] + " with find_work_email, then check it with validate_work_email. (Sandbox: the data is invented.)"
			},
		},
	}
}

// complete suggests invented values for the prompts' arguments.
func complete(_ context.Context, req *mcp.CompleteRequest) (*mcp.CompleteResult, error) {
	suggestions := map[string][]string{
		"company_domain": {"analytical.example", "ashgrove.example", "birchwick.example"},
		"full_name":      {"Ada Lovelace", "Blaise Birchwick", "Nobody"},
	}
	values := []string{}
	for _, value := range suggestions[req.Params.Argument.Name] {
		if strings.HasPrefix(strings.ToLower(value), strings.ToLower(req.Params.Argument.Value)) {
			values = append(values, value)
		}
	}
	return &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: values, Total: len(values)}}, nil
}
