package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

// success is the result of a call that LeadMagic answered: its JSON, untouched, and the same as text.
func (t *Tool) success(ans *answer) *mcp.CallToolResult {
	usage := usageOf(t, ans, nil)
	body := asObject(ans.body)
	result := &mcp.CallToolResult{
		Meta:              mcp.Meta{problem.UsageKey: usage},
		Content:           []mcp.Content{&mcp.TextContent{Text: string(body)}},
		StructuredContent: json.RawMessage(body),
	}
	if t.missed(ans) {
		note := "Nothing was found."
		if used, err := usage.CreditsUsed.Float64(); err == nil && used == 0 {
			note = "Nothing was found, and nothing was charged."
		}
		result.Content = append(result.Content, &mcp.TextContent{Text: note})
	}
	return result
}

// asObject makes valid JSON the object that structured content has to be.
// Source: MCP 2025-11-25, Tools, Structured Content.
func asObject(body []byte) []byte {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	switch body[0] {
	case '{':
		return body
	case '[':
		return bytes.Join([][]byte{[]byte(`{"items":`), body, []byte(`}`)}, nil)
	}
	return bytes.Join([][]byte{[]byte(`{"value":`), body, []byte(`}`)}, nil)
}

// missed reports whether an answer says that nothing was found: of the members that hold what a tool finds, at
// least one is there, and none holds anything.
func (t *Tool) missed(ans *answer) bool {
	if t.hits == nil {
		return false
	}
	if ans.body[0] == '[' {
		return empty(ans.body)
	}
	seen := false
	for _, name := range t.hits {
		value, ok := ans.members[name]
		if ok && !empty(value) {
			return false
		}
		seen = seen || ok
	}
	return seen
}

// empty reports whether a value holds nothing: null, false, "", [], {} or 0.
func empty(raw json.RawMessage) bool {
	var v any = raw // which it stays if it is a number beyond all numbers
	_ = json.Unmarshal(raw, &v)
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return !v.IsValid() || v.IsZero()
	}
}

// Usage is what a call used and what is left, as far as LeadMagic said so: the value of problem.UsageKey.
type Usage struct {
	// CreditsUsed is absent when it is not known: after a paid call whose outcome is unknown, the worst case.
	CreditsUsed json.Number `json:"creditsUsed,omitempty"`
	CreditsLeft json.Number `json:"creditsLeft,omitempty"`
	RateLimit   *RateLimit  `json:"rateLimit,omitempty"`
	RequestID   string      `json:"requestId,omitempty"`
}

// RateLimit is how many requests are left.
type RateLimit struct {
	Limit     json.Number `json:"limit,omitempty"` // per minute
	Remaining json.Number `json:"remaining,omitempty"`
	// ResetSeconds is when the minute ends, counted from the answer.
	ResetSeconds int `json:"resetSeconds,omitempty"`
	// RemainingDaily is what is left of the day.
	RemainingDaily json.Number `json:"remainingDaily,omitempty"`
}

// usageOf reads the headers of an answer, and its body for what they leave out. p is why it is no success, or nil.
// Source: LeadMagic OpenAPI 1.4.35, where X-Credits-Cost is what a call reserves before it is known what it finds.
func usageOf(t *Tool, ans *answer, p *problem.Problem) Usage {
	u := Usage{
		CreditsUsed: firstNumber(ans.header.Get("X-Credits-Consumed"), text(ans.members["credits_consumed"]), ans.header.Get("X-Credits-Cost")),
		CreditsLeft: firstNumber(ans.header.Get("X-Credits-Remaining")),
		RequestID:   ans.header.Get("X-Request-Id"),
		RateLimit:   rateLimitOf(ans.header),
	}
	switch {
	case p != nil && p.Outcome == problem.Unknown:
		u.CreditsUsed = ""
	case p != nil:
		u.CreditsUsed = firstNumber(ans.header.Get("X-Credits-Consumed"), "0")
	case t.Free():
		u.CreditsUsed = "0"
	}
	if p != nil && p.RequestID != "" {
		u.RequestID = p.RequestID
	}
	return u
}

func rateLimitOf(h http.Header) *RateLimit {
	l := RateLimit{
		Limit:          firstNumber(h.Get("RateLimit-Limit"), h.Get("X-RateLimit-Limit")),
		Remaining:      firstNumber(h.Get("RateLimit-Remaining"), h.Get("X-RateLimit-Remaining")),
		RemainingDaily: firstNumber(h.Get("X-RateLimit-Remaining-Daily")),
		ResetSeconds:   int(ratelimit.Reset(h, time.Now()).Round(time.Second).Seconds()),
	}
	if l == (RateLimit{}) {
		return nil
	}
	return &l
}

// firstNumber is the first of the texts that is a JSON number; digits are kept as they are.
func firstNumber(texts ...string) json.Number {
	for _, s := range texts {
		s = strings.TrimSpace(s)
		if _, err := strconv.ParseFloat(s, 64); err == nil && json.Valid([]byte(s)) {
			return json.Number(s)
		}
	}
	return ""
}

// Credits asks LeadMagic what is left: a free call, which proves a key. CreditsLeft is empty when an answer to a
// good key does not say it. The error is a *problem.Problem.
func Credits(ctx context.Context, client *http.Client, baseURL string) (Usage, error) {
	t := byName(Tools())[problem.BalanceTool]
	args, _ := t.read(nil)
	ans, p := newAPI(Options{Client: client, BaseURL: baseURL}).send(ctx, t, args, 0)
	defer ans.close()
	if p != nil {
		return Usage{}, p
	}
	usage := usageOf(t, ans, nil)
	usage.CreditsLeft = firstNumber(text(ans.members["credits"]), usage.CreditsLeft.String())
	return usage, nil
}
