package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Each names the fields it reads beside those that say which requests and when.
const (
	Delay       Kind = "delay"        // nothing but the Delay
	Hold        Kind = "hold"         // nothing, but not before the faults are cleared
	Status      Kind = "status"       // Status, RetryAfter, Header, ContentType and Body as given
	Problem     Kind = "problem"      // a problem body: Status, Code, Detail, Param, Form, RetryAfter
	RPCError    Kind = "rpc-error"    // a JSON-RPC error: Status (default 200), RPCCode, Detail, ID
	Result      Kind = "result"       // a JSON-RPC result: Body is the result's JSON, ID
	Redirect    Kind = "redirect"     // Status (default 307) to Location
	HTML        Kind = "html"         // 200 with a page, as a captive portal answers
	Empty       Kind = "empty"        // 200 without a body, of ContentType
	Accepted    Kind = "accepted"     // 202 without a body, as if the call were a notification
	LostSession Kind = "lost-session" // every session is lost now; Status 400 says so as the reference servers do
	Hang        Kind = "hang"         // never answers; with After, cuts the connection then
	Cut         Kind = "cut"          // cuts the connection before the headers
	CutStream   Kind = "cut-stream"   // cuts the answer: Events, Bytes, After, IDs, Retry, Cuts, Clean
	Truncate    Kind = "truncate"     // the first half of the answer, ended in order
	Endless     Kind = "endless"      // an event whose line never ends; Size bytes of it, or as many as are taken
	Huge        Kind = "huge"         // Size bytes of result, or of error when Status is one
	EchoKey     Kind = "echo-key"     // the key comes back: Where
	Reshape     Kind = "reshape"      // the true answer in another form: Shapes, ContentType
)

// The forms that [Reshape] gives an answer. They combine.
const (
	Pretty       = "pretty"       // line breaks between JSON tokens; in an event stream, several data lines
	CRLF         = "crlf"         // event lines end in CR LF
	CR           = "cr"           // event lines end in CR alone
	BOM          = "bom"          // the stream starts with a byte order mark
	Comments     = "comments"     // comment lines between and inside events
	OneByte      = "bytes"        // every byte is written and flushed alone
	PlainJSON    = "json"         // the answer of an event stream as one JSON body, the rest left out
	LateHeaders  = "late-headers" // headers are withheld until the first event
	Unterminated = "unterminated" // the blank line after the last event is missing
	WrongID      = "wrong-id"     // answers carry an id that nobody used
	NullID       = "null-id"      // answers carry the id null
	Twice        = "twice"        // every answer comes two times; in event streams only
	Stranger     = "stranger"     // an answer to nobody comes before every answer; in event streams only
)

var (
	kinds  = []Kind{Delay, Hold, Status, Problem, RPCError, Result, Redirect, HTML, Empty, Accepted, LostSession, Hang, Cut, CutStream, Truncate, Endless, Huge, EchoKey, Reshape}
	shapes = []string{Pretty, CRLF, CR, BOM, Comments, OneByte, PlainJSON, LateHeaders, Unterminated, WrongID, NullID, Twice, Stranger}
)

// Fault is something that goes wrong with the requests it matches. In JSON, durations are text like "250ms". In Body, Detail,
// Location and the values of Header, {{id}} stands for the JSON-RPC id, {{key}} for the key and {{session}} for the session
// id of the request.
type Fault struct {
	// Which requests; an empty field matches all.
	Method string `json:"method,omitempty"` // HTTP method
	Path   string `json:"path,omitempty"`   // prefix of the path
	RPC    string `json:"rpc,omitempty"`    // JSON-RPC method of a message in the body; "response" for an answer
	Tool   string `json:"tool,omitempty"`   // tool that a message in the body calls
	Skip   int    `json:"skip,omitempty"`   // that many matching requests are spared first
	Times  int    `json:"times,omitempty"`  // how often it strikes; 0 means until it is cleared

	Kind    Kind          `json:"kind"`
	Delay   time.Duration `json:"delay,omitempty"`   // before anything happens
	Carried bool          `json:"carried,omitempty"` // the request is carried out first and its answer thrown away

	Status      int               `json:"status,omitempty"`
	Header      map[string]string `json:"header,omitempty"`
	RetryAfter  string            `json:"retry_after,omitempty"` // the header, as it is to be sent
	ContentType string            `json:"content_type,omitempty"`
	Body        string            `json:"body,omitempty"`
	Location    string            `json:"location,omitempty"`

	Code    string `json:"code,omitempty"` // LeadMagic's error code; the default suits the status
	Detail  string `json:"detail,omitempty"`
	Param   string `json:"param,omitempty"`
	Form    string `json:"form,omitempty"` // of a problem body: [FormErrors] (default), [FormFlat], [FormMessage], [FormNested]
	RPCCode int    `json:"rpc_code,omitempty"`
	ID      string `json:"id,omitempty"` // of a JSON-RPC answer: the request's (default), "null", "none" or "wrong"

	Events int           `json:"events,omitempty"` // that many whole events get through before a cut
	Bytes  int           `json:"bytes,omitempty"`  // then so much of the next event; 0 means half, less than 0 cuts without waiting for it
	After  time.Duration `json:"after,omitempty"`  // cuts this long after the headers, at the latest
	IDs    bool          `json:"ids,omitempty"`    // events carry ids, and GET with Last-Event-ID resumes
	Retry  time.Duration `json:"retry,omitempty"`  // the reconnection time that the stream announces
	Cuts   int           `json:"cuts,omitempty"`   // how often one answer is cut, the resumed streams included; 0 means once
	Clean  bool          `json:"clean,omitempty"`  // the stream is ended in order instead of cut

	Size   int      `json:"size,omitempty"`
	Where  string   `json:"where,omitempty"` // body (default), error, rpc-error, header, split (across writes) or events (across events)
	Shapes []string `json:"shapes,omitempty"`

	cleared <-chan struct{} // closed when the faults are
}

// plainFault is a fault without its methods, and faultJSON its JSON form: durations as text.
type (
	plainFault Fault
	faultJSON  struct {
		*plainFault
		Delay string `json:"delay,omitempty"`
		After string `json:"after,omitempty"`
		Retry string `json:"retry,omitempty"`
	}
)

// MarshalJSON writes what UnmarshalJSON reads.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(faultJSON{plainFault: (*plainFault)(&f), Delay: text(f.Delay), After: text(f.After), Retry: text(f.Retry)})
}

// UnmarshalJSON reads a fault and refuses members it does not know: a misspelt fault must not pass for a healthy sandbox.
func (f *Fault) UnmarshalJSON(data []byte) error {
	wire := faultJSON{plainFault: (*plainFault)(f)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return fmt.Errorf("reading a fault: %w", err)
	}
	for _, d := range []struct {
		text string
		into *time.Duration
	}{{wire.Delay, &f.Delay}, {wire.After, &f.After}, {wire.Retry, &f.Retry}} {
		if d.text == "" {
			continue
		}
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("reading a fault: %w", err)
		}
		*d.into = parsed
	}
	return nil
}

// check finds what cannot be meant.
func (f *Fault) check() error {
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	if f.Kind == Reshape && len(f.Shapes) == 0 && f.ContentType == "" {
		return errors.New("reshape needs shapes or a content type")
	}
	for _, shape := range f.Shapes {
		if !slices.Contains(shapes, shape) {
			return fmt.Errorf("unknown shape %q", shape)
		}
	}
	return nil
}

// matches reports whether the fault concerns a request.
func (f *Fault) matches(r *http.Request, in incoming) bool {
	if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
		return false
	}
	if f.RPC == "" && f.Tool == "" {
		return true
	}
	return slices.ContainsFunc(in.messages, func(m message) bool {
		method := m.Method
		if method == "" {
			method = "response"
		}
		return (f.RPC == "" || f.RPC == method) && (f.Tool == "" || f.Tool == m.tool())
	})
}
