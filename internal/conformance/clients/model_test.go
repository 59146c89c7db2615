package clients

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// A model stands in for the language model of an agent, in the three APIs that agents speak. It does what it is told, "use
// TOOL?name=value&…", and then repeats what the tool said, so that a script sees both the call and what came back to the agent.
type model struct{}

var order = regexp.MustCompile(`use (\w+)\?([\w=&.+-]*)`)

// A turn is what a model has been told last: to use a tool, or what that tool said.
type turn struct {
	tool, arguments string
	said            string
	heard           bool // said is what a tool said
}

// note takes a text of the conversation; the last one counts.
func (t *turn) note(text string) {
	m := order.FindStringSubmatch(text)
	if m == nil {
		return
	}
	values, _ := url.ParseQuery(m[2]) // the expression lets nothing through that cannot be parsed
	arguments := make(map[string]string)
	for name := range values {
		arguments[name] = values.Get(name)
	}
	raw, _ := json.Marshal(arguments) // of strings
	*t = turn{tool: m[1], arguments: string(raw)}
}

func (t *turn) hear(result string) { *t = turn{said: result, heard: true} }

// answer is what the model says when it uses no tool.
func (t *turn) answer() string {
	if t.heard {
		return "the tool said: " + t.said
	}
	return "there is nothing to do"
}

func (model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var speak func([]byte) ([]event, error)
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/messages"):
		speak = speakMessages
	case strings.HasSuffix(path, "/responses"):
		speak = speakResponses
	case strings.HasSuffix(path, ":generateContent"), strings.HasSuffix(path, ":streamGenerateContent"):
		speak = speakContents
	default:
		http.NotFound(w, r)
		return
	}
	events, err := speak(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range events {
		if e.name != "" {
			fmt.Fprintf(w, "event: %s\n", e.name)
		}
		fmt.Fprintf(w, "data: %s\n\n", e.data)
	}
}

// An event is one of the stream that all three APIs answer with.
type event struct {
	name string // of those that name theirs
	data []byte
}

// say makes an event, named after its type where it has one.
func say(data map[string]any) event {
	raw, _ := json.Marshal(data) // of strings, numbers and maps of them
	name, _ := data["type"].(string)
	return event{name, raw}
}

type object = map[string]any

// texts are all strings in a piece of JSON, one per line: what a tool said, whatever form an agent gives it.
func texts(raw json.RawMessage) string {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return string(raw)
	}
	var all []string
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case string:
			all = append(all, value)
		case []any:
			for _, v := range value {
				walk(v)
			}
		case object:
			for _, v := range value {
				walk(v)
			}
		}
	}
	walk(value)
	return strings.Join(all, "\n")
}
