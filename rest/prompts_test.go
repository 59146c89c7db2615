package rest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// readDocs is the text of the resource.
func readDocs(t *testing.T, session *mcp.ClientSession) string {
	t.Helper()
	result, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "leadmagic://docs"})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Contents) != 1 || result.Contents[0].MIMEType != "text/markdown" {
		t.Fatalf("got %+v, want one text of markdown", result.Contents)
	}
	return result.Contents[0].Text
}

func TestTheReferenceNamesEachToolAndItsCost(t *testing.T) {
	docs := readDocs(t, connect(t, options("http://127.0.0.1:0"), nil))
	for _, tool := range rest.Tools() {
		for _, want := range []string{"| " + tool.Name + " | " + tool.Cost() + " |\n", "### " + tool.Name + "\n\n" + tool.Description() + "\n"} {
			if !strings.Contains(docs, want) {
				t.Errorf("the reference does not say %q", want)
			}
		}
	}
}

func TestPromptsTakeTheirArguments(t *testing.T) {
	session := connect(t, options("http://127.0.0.1:0"), nil)
	tests := []struct {
		name, prompt string
		args         map[string]string
		want         []string // in the text; in the refusal if it begins with "!"
	}{
		{
			"account_research names the company and the tools", "account_research",
			map[string]string{"company_domain": "acme.com"},
			[]string{"company acme.com", "enrich_company", "check_credits"},
		},
		{
			"contact_lookup names the person and the company", "contact_lookup",
			map[string]string{"full_name": "Ada {company_domain}", "company_domain": "acme.com"},
			[]string{"reach Ada {company_domain} at acme.com", "find_work_email"},
		},
		{"a missing argument is named", "contact_lookup", map[string]string{"full_name": "Ada"}, []string{"!contact_lookup needs company_domain"}},
		{"blanks are no argument", "account_research", map[string]string{"company_domain": " "}, []string{"!account_research needs company_domain"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: tt.prompt, Arguments: tt.args})
			for _, want := range tt.want {
				if refusal, ok := strings.CutPrefix(want, "!"); ok {
					if err == nil || !strings.Contains(err.Error(), refusal) {
						t.Errorf("got %v, want it to say %q", err, refusal)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := result.Messages[0].Content.(*mcp.TextContent).Text; !strings.Contains(got, want) {
					t.Errorf("got %q, want it to say %q", got, want)
				}
			}
		})
	}
}

func TestPromptsSayWhatTheyNeed(t *testing.T) {
	session := connect(t, options("http://127.0.0.1:0"), nil)
	list, err := session.ListPrompts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]string)
	for _, prompt := range list.Prompts {
		for _, argument := range prompt.Arguments {
			if argument.Required && argument.Description != "" {
				got[prompt.Name] = append(got[prompt.Name], argument.Name)
			}
		}
	}
	want := map[string][]string{"account_research": {"company_domain"}, "contact_lookup": {"full_name", "company_domain"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got prompts that need %v, want %v", got, want)
	}
}
