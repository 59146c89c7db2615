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
		Args:              needs(1, "name a tool; leadmagic-mcp-proxy tools lists them"),
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
		return misuse(&hintError{err, "see leadmagic-mcp-proxy call --help"})
	}
	l, err := connect(ctx, env, s)
	if err != nil {
		return err
	}
	defer l.close()
	list, err := l.tools(ctx)
	if err != nil {
		return err
	}
	arguments, err := json.Marshal(parseArguments(pairs, inputTypes(list, tool)))
	if err != nil {
		return fmt.Errorf("reading the arguments: %w", err)
	}
	result, err := l.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	switch {
	case err == nil:
		return printResult(env, result, asJSON)
	case slices.ContainsFunc(list, func(t *mcp.Tool) bool { return t.Name == tool }):
		return said(err)
	}
	return &hintError{said(err), "leadmagic-mcp-proxy tools lists the tools there are"}
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
		raw, err := json.Marshal(result)
		if err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
		if err := printJSON(env.Stdout, raw); err != nil {
			return err
		}
		if result.IsError {
			return &exitError{code: exitFailed}
		}
		return nil
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
		return printJSON(out, []byte(text))
	}
	if isTerminal(out) {
		text = problem.Printable(text, 0)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

func printJSON(out io.Writer, raw []byte) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	text := indented.Bytes()
	if isTerminal(out) {
		text = problem.PrintableJSON(text)
	}
	_, err := fmt.Fprintln(out, string(text))
	return err
}
