package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Each names the fields it reads beside those that say which requests and when.
const (
	Delay       Kind = "delay"        // nothing but the Delay and the Header
	Hold        Kind = "hold"         // the request waits until the faults are cleared
	Status      Kind = "status"       // Status, RetryAfter, Header, ContentType and Body as given
	Problem     Kind = "problem"      // a problem body: Status, Code, Detail, Form, RetryAfter
	Redirect    Kind = "redirect"     // 307 to Location
	HTML        Kind = "html"         // 200 with a page, as a captive portal answers
	LostSession Kind = "lost-session" // every session is lost now; Status 400 says so as the reference servers do
	Hang        Kind = "hang"         // there is never an answer
	Cut         Kind = "cut"          // the connection is cut before the headers
	CutStream   Kind = "cut-stream"   // the connection is cut within the answer: Events, IDs, Retry
	Truncate    Kind = "truncate"     // the first half of the answer, ended in order
	Alter       Kind = "alter"        // the answer, with members Set in its JSON or in the query of the address it redirects to
)

var kinds = []Kind{Delay, Hold, Status, Problem, Redirect, HTML, LostSession, Hang, Cut, CutStream, Truncate, Alter}

// Duration is a [time.Duration] that is text like "250ms" in JSON.
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Fault is something that goes wrong with the requests it matches.
type Fault struct {
	// Which requests; an empty field matches all.
	Method string `json:"method"` // HTTP method
	Path   string `json:"path"`   // prefix of the path
	RPC    string `json:"rpc"`    // JSON-RPC method of a message in the body
	Tool   string `json:"tool"`   // tool that a message in the body calls
	Grant  string `json:"grant"`  // grant_type of a form in the body
	Times  int    `json:"times"`  // how often it happens; 0 means until the faults are cleared

	Kind    Kind     `json:"kind"`
	Delay   Duration `json:"delay"`   // before anything happens
	Carried bool     `json:"carried"` // the request is carried out first, and its answer discarded

	Status      int               `json:"status"`
	Header      map[string]string `json:"header"`
	RetryAfter  string            `json:"retry_after"` // the header, as it is to be sent
	ContentType string            `json:"content_type"`
	Body        string            `json:"body"`
	Location    string            `json:"location"`
	Set         map[string]any    `json:"set"` // nil removes a member

	Code   string `json:"code"` // LeadMagic's error code; the default suits the status
	Detail string `json:"detail"`
	Form   string `json:"form"` // of a problem body: [FormErrors] (default), [FormFlat], [FormMessage], [FormNested]

	Events int      `json:"events"` // that many whole events are sent before a cut, then half of the next
	IDs    bool     `json:"ids"`    // events keep their ids, so that the client can resume: needs [Options.EventIDs]
	Retry  Duration `json:"retry"`  // the reconnection time that the stream announces

	cleared <-chan struct{} // closed when the faults are cleared
}

// Parse reads a fault from JSON. It refuses members it does not know: a misspelt fault must not pass for a healthy server.
func Parse(text string) (Fault, error) {
	var f Fault
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, fmt.Errorf("reading a fault: %w", err)
	}
	return f, f.check()
}

func (f *Fault) check() error {
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	return nil
}

// matches reports whether the fault concerns a request.
func (f *Fault) matches(r *http.Request, body []byte) bool {
	if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
		return false
	}
	if f.Grant != "" {
		form, _ := url.ParseQuery(string(body)) // what is no form has none
		return f.Grant == form.Get("grant_type")
	}
	return f.RPC == "" && f.Tool == "" || slices.ContainsFunc(sandbox.ReadMessages(body), func(m sandbox.Message) bool {
		return (f.RPC == "" || f.RPC == m.Method) && (f.Tool == "" || m.Method == "tools/call" && f.Tool == m.Params.Name)
	})
}

// The forms in which LeadMagic's documents show an error body, newest first.
const (
	FormErrors  = "errors"  // {"success":false,"errors":[{…}],"meta":{…}}: RFC 9457 objects in an array
	FormFlat    = "flat"    // {"type":…,"title":…,"code":…,"trace":{"request_id":…}}
	FormMessage = "message" // {"error":"Bad Request","message":…}
	FormNested  = "nested"  // {"error":{"code":…,"message":…,"status":…}}
)

// codes are LeadMagic's error codes where a status has one.
var codes = map[int]string{
	http.StatusBadRequest:          "validation_error",
	http.StatusUnauthorized:        "invalid_api_key",
	http.StatusPaymentRequired:     "insufficient_credits",
	http.StatusForbidden:           "insufficient_permissions",
	http.StatusNotFound:            "resource_not_found",
	http.StatusTooManyRequests:     "rate_limit_exceeded",
	http.StatusInternalServerError: "INTERNAL_ERROR",
	http.StatusBadGateway:          "external_service_error",
	http.StatusServiceUnavailable:  "service_unavailable",
}

// problemID is the request id in problem bodies and their headers.
const problemID = "req_sandbox_fault"

// problem is the body of a [Problem].
func (f *Fault) problem(balance float64) ([]byte, error) {
	type object = map[string]any
	code, detail := f.Code, f.Detail
	if code == "" {
		code = codes[f.Status]
	}
	if detail == "" {
		detail = "refused on request"
	}
	p := object{
		"type": "https://api.leadmagic.io/errors/" + code, "title": http.StatusText(f.Status), "status": f.Status, "detail": detail, "code": code,
		"docs": "https://leadmagic.io/docs",
	}
	switch f.Status {
	case http.StatusPaymentRequired:
		p["action"] = "buy credits at https://app.leadmagic.io/settings/billing"
		p["context"] = object{"credits_required": 5, "credits_available": balance}
	case http.StatusTooManyRequests:
		p["context"] = object{"limit": 600, "window": "1 minute", "remaining": 0, "retry_after_seconds": json.Number(f.RetryAfter)}
	}
	switch f.Form {
	case FormMessage:
		p = object{"error": http.StatusText(f.Status), "message": detail}
	case FormNested:
		p = object{"error": object{"code": strings.ToUpper(code), "message": detail, "status": f.Status}}
	case FormFlat:
		p["trace"] = object{"request_id": problemID}
	default:
		p = object{"success": false, "errors": []object{p}, "meta": object{"request_id": problemID, "timestamp": "2026-11-23T12:00:00Z", "environment": "sandbox"}}
	}
	return json.Marshal(p)
}
