package sandbox

import (
	"math"
	"strconv"
	"sync"
	"time"
)

// cents is an amount of money in hundredths of a credit, so that 0.05 adds up.
type cents int64

func toCents(credits float64) cents { return cents(math.Round(credits * 100)) }

func (c cents) credits() float64 { return float64(c) / 100 }

// String is the form LeadMagic's headers use: "15432.50".
func (c cents) String() string { return strconv.FormatFloat(c.credits(), 'f', 2, 64) }

// account is the balance and the use of one sandbox.
type account struct {
	mu     sync.Mutex
	left   cents
	spent  cents
	calls  int
	minute time.Time // start of the rate window that used counts in
	used   int
}

// charge takes the credits of a call and counts the call, or reports false and does neither when the balance does not cover it.
func (a *account) charge(credits float64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	price := toCents(credits)
	if price > a.left {
		return false
	}
	a.left -= price
	a.spent += price
	a.calls++
	return true
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

// totals are the calls carried out and the credits charged since the start.
func (a *account) totals() (calls int, charged float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls, a.spent.credits()
}

// rateLimit is the number of REST requests per minute that the headers announce; nothing enforces it.
const rateLimit = 600

// rate counts so many REST requests and returns what the rate headers say: requests left in this minute and when it ends.
func (a *account) rate(now time.Time, requests int) (left int, reset time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if start := now.Truncate(time.Minute); !start.Equal(a.minute) {
		a.minute, a.used = start, 0
	}
	a.used += requests
	return max(0, rateLimit-a.used), a.minute.Add(time.Minute)
}
