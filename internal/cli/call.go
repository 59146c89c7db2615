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
	values, err := parsePairs(pairs)
	if err != nil {
		return misuse(err.Error(), "see leadmagic-mcp-proxy call --help")
	}
	warnStray(env)
	ss := newSession(env, s)
	defer ss.close()
	return ss.use(ctx, func(client *mcp.ClientSession, tools []*mcp.Tool) error {
		known := new(mcp.Tool)
		if i := slices.IndexFunc(tools, func(t *mcp.Tool) bool { return t.Name == tool }); i >= 0 {
			known = tools[i]
		}
		result, err := client.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments(values, known.InputSchema)})
		switch {
		case err == nil:
			return printResult(env, result, asJSON)
		case known.Name != "":
			return rpcError(err)
		}
		return hinted(rpcError(err), "leadmagic-mcp-proxy tools lists the tools there are")
	})
}

// parsePairs are the values of arguments by name. What is no argument, and what is given more than once, is refused.
func parsePairs(pairs []string) (map[string]string, error) {
	values := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("the argument %q is not of the form name=value", pair)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("the argument %q is given more than once", name)
		}
		values[name] = value
	}
	return values, nil
}

// arguments takes each value as JSON where it is JSON, and as text elsewhere and where the schema of the tool wants text.
func arguments(values map[string]string, schema any) map[string]any {
	var known struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	if raw, err := json.Marshal(schema); err == nil {
		_ = json.Unmarshal(raw, &known) // of a schema that cannot be read no types are known
	}
	all := make(map[string]any, len(values))
	for name, value := range values {
		all[name] = value
		if json.Valid([]byte(value)) && (known.Properties[name].Type != "string" || strings.HasPrefix(value, `"`)) {
			all[name] = json.RawMessage(value)
		}
	}
	return all
}

// printResult prints what a tool said: on stdout if it succeeded, else as an error.
func printResult(env *Env, result *mcp.CallToolResult, asJSON bool) error {
	if asJSON {
		err := printJSON(env.Stdout, result)
		if err == nil && result.IsError {
			err = errReported
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
