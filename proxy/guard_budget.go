package proxy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// credits is an amount of credits in millionths, so that 0.05 adds up.
type credits int64

const (
	credit credits = 1e6
	// maxCredits bounds what one amount can be, so that no sum of them overflows. Nobody has so many.
	maxCredits = 1e9
)

// toCredits is f, which is not negative, as an amount. A positive one never becomes zero.
func toCredits(f float64) credits {
	c := credits(math.Round(min(f, maxCredits) * float64(credit)))
	if c == 0 && f > 0 {
		return 1
	}
	return c
}

func (c credits) float() float64 { return float64(c) / float64(credit) }

func (c credits) String() string { return strconv.FormatFloat(c.float(), 'f', -1, 64) }

// words is c with its unit.
func (c credits) words() string {
	if c == credit {
		return "1 credit"
	}
	return c.String() + " credits"
}

// A budget decides which calls may go. What a call costs at most is held back until it is known what it has
// cost, so that calls side by side cannot exceed the limit together. Calls are decided in their order; a call of
// unknown cost waits until no other paid one is under way, and those behind it wait for it.
type budget struct {
	limited bool
	limit   credits

	mu      sync.Mutex
	spent   credits
	held    credits
	granted map[*charge]bool // not settled yet
	alone   bool             // the one that is granted is of unknown cost
	queue   []*charge
}

// claim asks for what ch costs at most. When it is decided, ch.decided is closed and ch.refusal says how.
func (b *budget) claim(ch *charge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, ch)
	b.advance()
}

// advance decides on those that need not wait.
func (b *budget) advance() {
	for len(b.queue) > 0 {
		ch := b.queue[0]
		if b.limited && (b.alone || !ch.known && len(b.granted) > 0) {
			return
		}
		b.queue = b.queue[1:]
		if ch.refusal = b.refusal(ch); ch.refusal == nil {
			b.granted[ch] = true
			b.held += ch.worst
			b.alone = b.limited && !ch.known
		}
		close(ch.decided)
	}
}

// refusal is why the limit forbids a call, nil if it does not. Only a call of unknown cost may exceed what is
// left.
func (b *budget) refusal(ch *charge) *problem.Problem {
	left := max(0, b.limit-b.spent-b.held)
	var what string
	switch {
	case !b.limited, ch.known && ch.worst <= left, !ch.known && left > 0:
		return nil
	case ch.known:
		what = fmt.Sprintf("%s may cost %s, and %s of the %s that this session may use are left",
			shown(ch.tool), ch.worst.words(), left, b.limit)
	default:
		what = fmt.Sprintf("what %s costs is not known, and nothing is left of the %s that this session may use",
			shown(ch.tool), b.limit.words())
	}
	said := []string{b.spent.words() + " spent"}
	if b.spent > b.limit {
		said = append(said, "since a call of unknown cost may pass the limit")
	}
	next := ""
	if b.held > 0 {
		said = append(said, b.held.words()+" held for calls under way")
		next = "call again when the calls under way are answered, since they may cost less; or ask the person to raise --max-credits (LEADMAGIC_MAX_CREDITS)"
	}
	return problem.New(problem.OverBudget, problem.NotSent, what+" ("+strings.Join(said, ", ")+"); the call was not sent", next)
}

// settle counts what ch has cost, gives back what was held for it, and reports whether it was granted and not
// settled before.
func (b *budget) settle(ch *charge, cost credits) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.granted[ch] {
		return false
	}
	delete(b.granted, ch)
	b.held -= ch.worst
	b.spent += cost
	if !ch.known {
		b.alone = false
	}
	b.advance()
	return true
}

// leave takes ch out of the queue.
func (b *budget) leave(ch *charge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.queue, ch)
	if at < 0 {
		return
	}
	b.queue = slices.Delete(b.queue, at, at+1)
	close(ch.decided)
	b.advance()
}

// turnAway refuses those that wait.
func (b *budget) turnAway(p *problem.Problem) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ch := range b.queue {
		ch.refusal = p
		close(ch.decided)
	}
	b.queue = nil
}

// add counts credits that nobody had to claim.
func (b *budget) add(cost credits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += cost
}

// unsettled are the charges that are granted and not settled.
func (b *budget) unsettled() []*charge {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*charge, 0, len(b.granted))
	for ch := range b.granted {
		list = append(list, ch)
	}
	return list
}
