package proxy

import (
	"bytes"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// UsageKey is the member of a result's _meta in which an upstream of ours says what its request to LeadMagic has
// used: {"creditsUsed": 1, "creditsLeft": 99, "requestId": "…"}, each where it is known. It is on refusals too.
// Without creditsUsed the worst case counts.
const UsageKey = problem.UsageKey

// creditsConsumed is the member in which LeadMagic says what a call has cost, wherever it occurs.
const creditsConsumed = "credits_consumed"

// maxDepth is how deep a result is looked into.
const maxDepth = 32

// A usage is the value of UsageKey.
type usage struct {
	used, left *credits
	requestID  string
}

func usageOf(result []byte) (u usage, ok bool) {
	raw := find(find(result, "_meta"), UsageKey)
	if raw == nil {
		return usage{}, false
	}
	if used, ok := readCredits(find(raw, "creditsUsed")); ok && used >= 0 {
		u.used = &used
	}
	if left, ok := readCredits(find(raw, "creditsLeft")); ok {
		u.left = &left
	}
	u.requestID, _ = unquote(find(raw, "requestId"))
	return u, true
}

// statedCredits is what a result says that its call has cost. Structured content counts, else JSON in the texts,
// else what is elsewhere. An object that states its cost does so for all that is in it; costs beside each
// other, as in the rows of a batch, add up. If one of them cannot be read, nothing is stated.
func statedCredits(result []byte) (credits, bool) {
	if !bytes.Contains(result, []byte(creditsConsumed)) {
		return 0, false
	}
	var structured, texts, elsewhere tally
	for m := range members(result) {
		switch string(m.name) {
		case "structuredContent":
			structured.add(m.value, 0)
		case "content":
			for document := range documents(m.value) {
				texts.add(document, 0)
			}
		case creditsConsumed:
			elsewhere.count(m.value)
		default:
			elsewhere.add(m.value, 0)
		}
	}
	for _, t := range []tally{structured, texts, elsewhere} {
		if t.found {
			return t.sum, !t.unreadable
		}
	}
	return 0, false
}

// A tally adds up what is stated.
type tally struct {
	sum               credits
	found, unreadable bool
}

func (t *tally) add(value []byte, depth int) {
	if !bytes.Contains(value, []byte(creditsConsumed)) {
		return
	}
	if depth > maxDepth {
		t.found, t.unreadable = true, true
		return
	}
	if stated := find(value, creditsConsumed); stated != nil && string(stated) != "null" {
		t.count(stated)
		return
	}
	for m := range members(value) {
		t.add(m.value, depth+1)
	}
	for element := range elements(value) {
		t.add(element, depth+1)
	}
}

func (t *tally) count(value []byte) {
	c, ok := readCredits(value)
	t.found = true
	t.unreadable = t.unreadable || !ok || c < 0
	t.sum = min(t.sum+max(c, 0), maxCredits*credit)
}

// statedBalance is how many credits are left, from the result of a balance tool.
func statedBalance(result []byte) (credits, bool) {
	if string(find(result, "isError")) == "true" {
		return 0, false
	}
	if c, ok := readCredits(find(find(result, "structuredContent"), "credits")); ok {
		return c, true
	}
	for document := range documents(find(result, "content")) {
		if c, ok := readCredits(find(document, "credits")); ok {
			return c, true
		}
	}
	if u, ok := usageOf(result); ok && u.left != nil {
		return *u.left, true
	}
	return 0, false
}

// readCredits reads a number, or a text that is one, such as "15432.50" or "2 credits".
func readCredits(value []byte) (credits, bool) {
	number := strings.ToLower(string(value))
	if text, ok := unquote(value); ok {
		text = strings.ToLower(strings.TrimSpace(text))
		text = strings.TrimSuffix(strings.TrimSuffix(text, "s"), "credit")
		number = strings.TrimSpace(text)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.Trim(number, "+-.0123456789e") != "" || math.Abs(f) > maxCredits {
		return 0, false
	}
	if f < 0 {
		return -toCredits(-f), true
	}
	return toCredits(f), true
}

// documents yields the JSON in the texts of a result's content, which may have words around it.
func documents(content []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for block := range elements(content) {
			text, ok := unquote(find(block, "text"))
			if !ok {
				text, _ = unquote(find(find(block, "resource"), "text"))
			}
			from, to := strings.IndexAny(text, "{["), strings.LastIndexAny(text, "}]")
			if from < 0 || to < from {
				continue
			}
			if document := []byte(text[from : to+1]); valid(document) && !yield(document) {
				return
			}
		}
	}
}
