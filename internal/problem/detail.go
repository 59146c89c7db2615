package problem

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// detail is what LeadMagic itself says of a refusal, whichever of its documented shapes it uses.
type detail struct {
	message, code, action, docs, requestID string
	params                                 []string
	required, available                    string
	retryAfter                             time.Duration
	isJSON                                 bool
}

// wire holds the members of every body shape seen: the list of problems of the current API, the flat
// RFC 9457 problem, the two older `error` shapes, and a JSON-RPC error.
// Sources: LeadMagic OpenAPI 1.4.35, RFC 9457, LeadMagic's 2025 clients.
type wire struct {
	wireProblem
	Errors []wireProblem   `json:"errors"`
	Error  json.RawMessage `json:"error"`
	Meta   wireIDs         `json:"meta"`
	Trace  wireIDs         `json:"trace"`
}

type wireProblem struct {
	Title   string          `json:"title"`
	Detail  string          `json:"detail"`
	Message string          `json:"message"`
	Code    json.RawMessage `json:"code"`
	Param   json.RawMessage `json:"param"`
	Action  string          `json:"action"`
	Docs    string          `json:"docs"`
	Context struct {
		Required   json.RawMessage `json:"credits_required"`
		Available  json.RawMessage `json:"credits_available"`
		RetryAfter float64         `json:"retry_after_seconds"`
	} `json:"context"`
}

type wireIDs struct {
	RequestID string `json:"request_id"`
}

func parseDetail(body []byte) detail {
	var w wire
	if err := json.Unmarshal(body, &w); err != nil && !json.Valid(body) {
		return plainDetail(body)
	}
	// A member of an unexpected type has left the others filled.
	d := detail{isJSON: true, requestID: clean(cmp.Or(w.Meta.RequestID, w.Trace.RequestID))}
	var messages []string
	for _, p := range w.problems() {
		if m := clean(cmp.Or(p.Detail, p.Message, p.Title)); m != "" && !slices.Contains(messages, m) {
			messages = append(messages, m)
		}
		d.params = append(d.params, texts(p.Param)...)
		d.code = cmp.Or(d.code, clean(name(p.Code)))
		d.action = cmp.Or(d.action, clean(p.Action))
		d.docs = cmp.Or(d.docs, link(p.Docs))
		d.required = cmp.Or(d.required, clean(text(p.Context.Required)))
		d.available = cmp.Or(d.available, clean(text(p.Context.Available)))
		d.retryAfter = max(d.retryAfter, ratelimit.Seconds(p.Context.RetryAfter))
	}
	d.message = clean(cmp.Or(strings.Join(messages, "; "), w.Message, text(w.Error)))
	return d
}

// problems are what the body has of them, in whichever shape.
func (w *wire) problems() []wireProblem {
	if len(w.Errors) > 0 {
		return w.Errors
	}
	if bytes.HasPrefix(w.Error, []byte("{")) {
		var inner wireProblem
		_ = json.Unmarshal(w.Error, &inner) // a member of an unexpected type leaves the others filled
		return []wireProblem{inner}
	}
	return []wireProblem{w.wireProblem}
}

// plainDetail takes a short text body for the message. Broken JSON has none.
func plainDetail(body []byte) detail {
	if !utf8.Valid(body) || bytes.ContainsAny(body[:min(len(body), 1)], "{[") {
		return detail{}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return detail{message: clean(line)}
}

// suffix is ": " and LeadMagic's words, with the parameter they are about.
func (d detail) suffix() string {
	s := d.message
	if len(d.params) > 0 {
		s = strings.TrimSpace(s + " (" + strings.Join(d.params, ", ") + ")")
	}
	if s == "" {
		return ""
	}
	return ": " + s
}

// speaksOfCredits tells a 403 about the balance from one about the plan, which may speak of credits too.
func (d detail) speaksOfCredits() bool {
	if d.code == "insufficient_permissions" {
		return false
	}
	return d.available != "" || d.required != "" ||
		strings.Contains(strings.ToLower(d.code+" "+d.message), "credit")
}

// name is a JSON string's value. A number says no more than the status, or is JSON-RPC's.
func name(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // anything else is no name
	return s
}

// text is a JSON string's value, or a number as it is written. Anything else is empty.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

func texts(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		if one := text(raw); one != "" {
			list = []string{one}
		}
	}
	for i := range list {
		list[i] = clean(list[i])
	}
	return list
}

// link is a documentation link as it may be shown, or empty.
func link(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || len(s) > MaxLine {
		return ""
	}
	return clean(s)
}

// clean makes a foreign text one short line that ends without a full stop.
func clean(s string) string { return strings.TrimRight(PrintableLine(s, MaxLine), ". ") }
