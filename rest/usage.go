package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

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
func usageOf(t *tool, ans *answer, members map[string]json.RawMessage, p *problem.Problem, now time.Time) Usage {
	u := Usage{
		CreditsUsed: firstNumber(ans.header.Get("X-Credits-Consumed"), text(members["credits_consumed"]), ans.header.Get("X-Credits-Cost")),
		CreditsLeft: firstNumber(ans.header.Get("X-Credits-Remaining")),
		RequestID:   ans.header.Get("X-Request-Id"),
		RateLimit:   rateLimitOf(ans.header, now),
	}
	switch {
	case p != nil && p.Outcome == problem.Unknown:
		u.CreditsUsed = ""
	case p != nil:
		u.CreditsUsed = firstNumber(ans.header.Get("X-Credits-Consumed"), "0")
	case t.free():
		u.CreditsUsed = "0"
	}
	if p != nil && p.RequestID != "" {
		u.RequestID = p.RequestID
	}
	return u
}

func rateLimitOf(h http.Header, now time.Time) *RateLimit {
	l := RateLimit{
		Limit:          firstNumber(h.Get("RateLimit-Limit"), h.Get("X-RateLimit-Limit")),
		Remaining:      firstNumber(h.Get("RateLimit-Remaining"), h.Get("X-RateLimit-Remaining")),
		RemainingDaily: firstNumber(h.Get("X-RateLimit-Remaining-Daily")),
		ResetSeconds:   int(ratelimit.Reset(h, now).Round(time.Second).Seconds()),
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

// zero reports whether a number is known and is nothing.
func zero(n json.Number) bool {
	f, err := n.Float64()
	return err == nil && f == 0
}

// Credits asks LeadMagic what is left: a free call, which proves a key. CreditsLeft is empty when an answer to a
// good key does not say it. The error is a *problem.Problem.
func Credits(ctx context.Context, client *http.Client, baseURL string) (Usage, error) {
	t := byName(table())[problem.BalanceTool]
	args, _ := t.read(nil)
	ans, p := newAPI(client, baseURL, nil).send(ctx, t, args, 0)
	defer ans.close()
	if p != nil {
		return Usage{}, p
	}
	var body struct {
		Credits json.RawMessage `json:"credits"`
	}
	_ = json.Unmarshal(ans.body, &body) // what cannot be read says no balance
	usage := usageOf(t, ans, nil, nil, time.Now())
	usage.CreditsLeft = firstNumber(text(body.Credits), usage.CreditsLeft.String())
	return usage, nil
}
