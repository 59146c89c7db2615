package proxy

import (
	"bytes"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// A Basis is how it is known what a call has cost.
type Basis string

// The ways to know what a call has cost.
const (
	Stated    Basis = "stated"     // LeadMagic said so
	Measured  Basis = "measured"   // the balance went down by it
	Refused   Basis = "refused"    // LeadMagic did not carry the call out, so it cost nothing
	WorstCase Basis = "worst case" // LeadMagic did not say, or the outcome is unknown
	Unknown   Basis = "unknown"    // likewise, and there is no worst case
)

// A SpentCall is a paid call that was sent. It has no arguments: they are personal data.
type SpentCall struct {
	Time time.Time
	Tool string
	// Credits is what counts as spent; 0 if that is Unknown.
	Credits problem.Credits
	Basis   Basis
	// Balance is what is left in the account, nil if that is not known.
	Balance *problem.Credits
	// RequestID is LeadMagic's id of the request, empty if it gave none.
	RequestID string
}

// A cost is what a call has cost, as far as its response tells.
type cost struct {
	SpentCall
	unsent bool // nothing of the call has reached LeadMagic
	final  bool // the balance cannot tell more
}

// refusals are the codes of JSON-RPC errors after which nothing was carried out.
var refusals = []int{jsonrpc.CodeParseError, jsonrpc.CodeInvalidRequest, jsonrpc.CodeMethodNotFound, jsonrpc.CodeInvalidParams, jsonrpc.CodeHeaderMismatch}

// costOf is what a response says that its call has cost: what it states, nothing if the call was refused, else the worst
// case.
func costOf(r *reservation, response *jsonrpc.Message) cost {
	c := cost{SpentCall: SpentCall{Basis: Unknown}}
	if r.known {
		c.Credits, c.Basis = r.worst, WorstCase
	}
	stated, isStated := statedCredits(response.Result)
	switch p := problemOf(response); {
	case p != nil:
		c.RequestID = p.RequestID
		if p.Outcome != problem.Unknown {
			c.Credits, c.Basis, c.final, c.unsent = 0, Refused, true, p.Outcome == problem.NotSent
		}
	case c.readUsage(response.Result):
	case isStated:
		c.Credits, c.Basis = stated, Stated
	case isRefusal(response):
		c.Credits, c.Basis = 0, Refused
	}
	return c
}

// isRefusal reports whether a response that states no cost says that the call was not carried out.
func isRefusal(response *jsonrpc.Message) bool {
	if response.Result == nil {
		return slices.Contains(refusals, response.ErrorCode())
	}
	resultType, _ := jsonrpc.Unquote(jsonrpc.Get(response.Result, "resultType"))
	isError := string(jsonrpc.Get(response.Result, "isError")) == "true"
	return resultType == "input_required" || isError && !uncertain().Match(jsonrpc.Get(response.Result, "content"))
}

// uncertain finds a failure after which it is not known whether LeadMagic carried the call out. Any other that a tool
// reports is a refusal: LeadMagic charges for what it finds.
var uncertain = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b5\d\d\b|internal[ _](server[ _])?error|service[ _]unavailable|timed? ?out|outcome is unknown`)
})

// readUsage takes from a result the member problem.UsageKey of its _meta, in which an upstream of ours says what its
// request to LeadMagic has used, and reports whether it is there. It is on refusals too.
func (c *cost) readUsage(result []byte) bool {
	raw := jsonrpc.Get(result, "_meta", problem.UsageKey)
	if used, ok := readCredits(jsonrpc.Get(raw, "creditsUsed")); ok && used >= 0 {
		c.Credits, c.Basis, c.final = used, Stated, true
	}
	if left, ok := readCredits(jsonrpc.Get(raw, "creditsLeft")); ok {
		c.Balance = &left
	}
	c.RequestID, _ = jsonrpc.Unquote(jsonrpc.Get(raw, "requestId"))
	return raw != nil
}

const (
	// creditsConsumed is the member in which LeadMagic says what a call has cost, wherever it occurs.
	creditsConsumed = "credits_consumed"
	// maxDepth is how deep a result is searched for it.
	maxDepth = 32
)

// statedCredits is what a result says that its call has cost. Structured content counts, else JSON in the texts, else
// what is elsewhere. An object that states its cost does so for all that is in it; costs beside each other, as in the
// rows of a batch, add up. If one of them cannot be read, nothing is stated.
func statedCredits(result []byte) (total problem.Credits, ok bool) {
	var structured, texts, elsewhere sum
	for m := range jsonrpc.Members(result) {
		switch string(m.Name) {
		case "structuredContent":
			structured.addAll(m.Value, 0)
		case "content":
			for document := range documents(m.Value) {
				texts.addAll(document, 0)
			}
		case creditsConsumed:
			elsewhere.add(m.Value)
		default:
			elsewhere.addAll(m.Value, 0)
		}
	}
	for _, s := range []sum{structured, texts, elsewhere} {
		if s.found {
			return s.total, !s.unreadable
		}
	}
	return total, false
}

// A sum adds up stated costs.
type sum struct {
	total             problem.Credits
	found, unreadable bool
}

// addAll adds what is stated in value.
func (s *sum) addAll(value []byte, depth int) {
	if !bytes.Contains(value, []byte(creditsConsumed)) {
		return
	}
	if depth > maxDepth {
		s.found, s.unreadable = true, true
		return
	}
	if stated := jsonrpc.Get(value, creditsConsumed); stated != nil && string(stated) != "null" {
		s.add(stated)
		return
	}
	for m := range jsonrpc.Members(value) {
		s.addAll(m.Value, depth+1)
	}
	for element := range jsonrpc.Elements(value) {
		s.addAll(element, depth+1)
	}
}

func (s *sum) add(value []byte) {
	c, ok := readCredits(value)
	s.found = true
	s.unreadable = s.unreadable || !ok || c < 0
	s.total = min(s.total+max(c, 0), problem.MaxCredits)
}

// statedBalance is how many credits are left, from the result of a balance tool.
func statedBalance(result []byte) (problem.Credits, bool) {
	if string(jsonrpc.Get(result, "isError")) == "true" {
		return 0, false
	}
	if c, ok := readCredits(jsonrpc.Get(result, "structuredContent", "credits")); ok {
		return c, true
	}
	for document := range documents(jsonrpc.Get(result, "content")) {
		if c, ok := readCredits(jsonrpc.Get(document, "credits")); ok {
			return c, true
		}
	}
	var c cost
	if c.readUsage(result); c.Balance != nil {
		return *c.Balance, true
	}
	return 0, false
}

// readCredits reads a number, or a text that is one, such as "15432.50" or "2 credits".
func readCredits(value []byte) (c problem.Credits, ok bool) {
	number := string(value)
	if text, isText := jsonrpc.Unquote(value); isText {
		text = strings.ToLower(strings.TrimSpace(text))
		text = strings.TrimSuffix(strings.TrimSuffix(text, "s"), "credit")
		number = strings.TrimSpace(text)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.Trim(number, "+-.0123456789eE") != "" || math.Abs(f) > problem.MaxCredits.Float() {
		return c, false
	}
	return problem.ToCredits(f), true
}

// documents yields the JSON in the texts of a result's content, which may have words around it.
func documents(content []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for block := range jsonrpc.Elements(content) {
			text, isText := jsonrpc.Unquote(jsonrpc.Get(block, "text"))
			if !isText {
				text, _ = jsonrpc.Unquote(jsonrpc.Get(block, "resource", "text"))
			}
			from, to := strings.IndexAny(text, "{["), strings.LastIndexAny(text, "}]")
			if from < 0 || to < from {
				continue
			}
			if document := []byte(text[from : to+1]); jsonrpc.Valid(document) && !yield(document) {
				return
			}
		}
	}
}
