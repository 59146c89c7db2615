package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

func newCallCommand(env *Env, s *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "call TOOL [name=value…]",
		Short: "Run one tool through a session and print the result",
		Long: "Runs one tool as an editor would, through a session over pipes, and prints the result. A value that is JSON is sent\n" +
			"as such where the tool takes it: limit=5 is a number, full_name=\"Ada Lovelace\" a text.",
		Example: "  leadmagic-mcp-proxy call --sandbox check_credits\n" +
			"  leadmagic-mcp-proxy call find_work_email full_name=\"Ada Lovelace\" domain=analytical.example",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("an argument is missing", "name a tool; leadmagic-mcp-proxy tools lists them")
			}
			return nil
		},
		ValidArgsFunction: completeTools(env, s),
		RunE: func(cmd *cobra.Command, args []string) error {
			return call(cmd.Context(), env, s, args[0], args[1:], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole result as JSON")
	return cmd
}

func call(ctx context.Context, env *Env, s *settings, tool string, pairs []string, asJSON bool) error {
	if err := checkPairs(pairs); err != nil {
		return misuse(err.Error(), "see leadmagic-mcp-proxy call --help")
	}
	sayStray(env)
	ss := newSession(env, s)
	defer ss.close()
	return ss.use(ctx, func(client *mcp.ClientSession, tools []*mcp.Tool) error {
		arguments, err := json.Marshal(parseArguments(pairs, inputTypes(tools, tool)))
		if err != nil {
			return fmt.Errorf("reading the arguments: %w", err)
		}
		result, err := client.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
		switch {
		case err == nil:
			return printResult(env, result, asJSON)
		case hasTool(tools)(tool):
			return said(err)
		}
		return hinted(said(err), "leadmagic-mcp-proxy tools lists the tools there are")
	})
}

// hasTool reports whether a list has a tool of that name.
func hasTool(tools []*mcp.Tool) func(name string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(tools, func(t *mcp.Tool) bool { return t.Name == name })
	}
}

// checkPairs finds what is no argument, and an argument that is given more than once.
func checkPairs(pairs []string) error {
	given := make(map[string]bool, len(pairs))
	for _, pair := range pairs {
		name, _, found := strings.Cut(pair, "=")
		switch {
		case !found, name == "":
			return fmt.Errorf("the argument %q is not of the form name=value", pair)
		case given[name]:
			return fmt.Errorf("the argument %q is given more than once", name)
		}
		given[name] = true
	}
	return nil
}

// inputTypes are the types of a tool's arguments by name, as far as its schema says.
func inputTypes(list []*mcp.Tool, name string) map[string]string {
	types := make(map[string]string)
	for _, tool := range list {
		if tool.Name != name {
			continue
		}
		raw, err := json.Marshal(tool.InputSchema)
		var schema struct {
			Properties map[string]struct {
				Type any `json:"type"`
			} `json:"properties"`
		}
		if err != nil || json.Unmarshal(raw, &schema) != nil {
			continue
		}
		for property, p := range schema.Properties {
			types[property], _ = p.Type.(string)
		}
	}
	return types
}

// parseArguments takes each value as JSON where it is JSON, and as text elsewhere and where the tool wants text.
func parseArguments(pairs []string, types map[string]string) map[string]any {
	arguments := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		arguments[name] = value
		quoted := strings.HasPrefix(value, `"`)
		if json.Valid([]byte(value)) && (types[name] != "string" || quoted) {
			arguments[name] = json.RawMessage(value)
		}
	}
	return arguments
}

// printResult prints what a tool said: on stdout if it succeeded, else as an error.
func printResult(env *Env, result *mcp.CallToolResult, asJSON bool) error {
	if asJSON {
		err := printJSON(env.Stdout, result)
		if err == nil && result.IsError {
			err = errSaid
		}
		return err
	}
	var texts []string
	for _, content := range result.Content {
		switch content := content.(type) {
		case *mcp.TextContent:
			texts = append(texts, content.Text)
		default:
			raw, err := json.Marshal(content)
			if err != nil {
				return fmt.Errorf("writing the result: %w", err)
			}
			texts = append(texts, string(raw))
		}
	}
	if result.IsError {
		return errors.New(strings.Join(texts, "\n"))
	}
	for _, text := range texts {
		if err := printText(env.Stdout, text); err != nil {
			return err
		}
	}
	return nil
}

// printText prints JSON indented, and other text as it is. At a terminal, nothing in it acts on that.
func printText(out io.Writer, text string) error {
	if json.Valid([]byte(text)) {
		return printJSON(out, json.RawMessage(text))
	}
	if isTerminal(out) {
		text = problem.Printable(text, 0)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// printJSON prints a value as JSON, indented. At a terminal, nothing in it acts on that.
func printJSON(out io.Writer, value any) error {
	text, err := indented(value)
	if err != nil {
		return err
	}
	if isTerminal(out) {
		text = problem.PrintableJSON(text)
	}
	_, err = out.Write(text)
	return err
}

func indented(value any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return text.Bytes(), nil
}
