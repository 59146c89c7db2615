package sandbox

import (
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"time"
)

// Call is one tool call or REST request that was carried out: it had a good key, good arguments and enough credits.
type Call struct {
	Time      time.Time       `json:"time"`
	Upstream  string          `json:"upstream"` // "mcp" or "rest"
	Tool      string          `json:"tool"`     // the hosted server's name for it
	Args      json.RawMessage `json:"args,omitempty"`
	Credits   float64         `json:"credits"`             // charged
	Cancelled bool            `json:"cancelled,omitempty"` // it ended early because its caller withdrew it
}

func callWeight(c Call) int { return len(c.Args) + 256 }

// cents is an amount of money in hundredths of a credit, so that 0.05 adds up.
type cents int64

func toCents(credits float64) cents { return cents(math.Round(credits * 100)) }

func (c cents) credits() float64 { return float64(c) / 100 }

// String is the form LeadMagic's headers use: "15432.50".
func (c cents) String() string { return strconv.FormatFloat(c.credits(), 'f', 2, 64) }

// account is the balance and the ledger of one sandbox.
type account struct {
	calls *ring[Call]

	mu     sync.Mutex
	left   cents
	spent  cents
	minute time.Time // start of the rate window that used counts in
	used   int
}

func newAccount(credits float64, keep int) *account {
	return &account{left: max(0, toCents(credits)), calls: newRing(keep, callWeight)}
}

// charge takes the credits of a call and writes the call down, or reports false and does neither when the balance does not
// cover it. The number is for amending the call.
func (a *account) charge(call Call) (number int, ok bool) {
	price := toCents(call.Credits)
	a.mu.Lock()
	defer a.mu.Unlock()
	if price > a.left {
		return 0, false
	}
	a.left -= price
	a.spent += price
	call.Time = time.Now()
	return a.calls.push(call), true
}

func (a *account) covers(credits float64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return toCents(credits) <= a.left
}

func (a *account) balance() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left.credits()
}

func (a *account) setBalance(credits float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = max(0, toCents(credits))
}

func (a *account) charged() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spent.credits()
}

func (a *account) count() int { return a.calls.count() }

// rateLimit is the number of REST requests per minute that the headers announce; nothing enforces it, faults do.
const rateLimit = 600

// tick counts a REST request and returns what the rate headers say: requests left in this minute and when it ends.
func (a *account) tick(now time.Time) (left int, reset time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if start := now.Truncate(time.Minute); !start.Equal(a.minute) {
		a.minute, a.used = start, 0
	}
	a.used++
	return max(0, rateLimit-a.used), a.minute.Add(time.Minute)
}

// peekRate is tick without counting.
func (a *account) peekRate(now time.Time) (left int, reset time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	used := a.used
	start := now.Truncate(time.Minute)
	if !start.Equal(a.minute) {
		used = 0
	}
	return max(0, rateLimit-used), start.Add(time.Minute)
}
