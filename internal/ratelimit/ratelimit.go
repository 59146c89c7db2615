// Package ratelimit is how long a client waits before it sends again: the pause that LeadMagic's 429 asks for, shared
// by all who wait, what its headers say of it, and backoff. It does not decide what may be sent again.
package ratelimit

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Limiter holds back all requests while the rate limit is known to be reached. The zero Limiter holds back nothing.
// It is safe for concurrent use.
type Limiter struct {
	mu    sync.Mutex
	until time.Time
}

// Pause holds everybody back for d from now on. A longer pause that is in force stays.
// The caller decides what is too long to hold back others for.
func (l *Limiter) Pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.until) {
		l.until = until
	}
}

// Left is how long the pause in force lasts, 0 if there is none.
func (l *Limiter) Left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, time.Until(l.until))
}

// Wait blocks until no pause is in force, and up to a tenth of the pause longer, so that those who waited together do
// not all send at once. A pause that begins meanwhile is waited for too. When ctx ends first, its cause is returned.
func (l *Limiter) Wait(ctx context.Context) error {
	for {
		left := l.Left()
		if err := Sleep(ctx, Jitter(left)); err != nil || left == 0 {
			return err
		}
	}
}

// Sleep blocks for d. When ctx ends first, or has ended, its cause is returned.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Backoff is how long to wait after attempt n, counted from 0, that did not succeed: base doubled n times, but most at
// most; and of that a random part between half and all, so that clients which failed together do not stay together.
func Backoff(n int, base, most time.Duration) time.Duration {
	d := base
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return d - random(d/2)
}

// Jitter is d and up to a tenth more.
func Jitter(d time.Duration) time.Duration { return d + random(d/10) }

// random is a time between 0 and d.
func random(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d) + 1)) //nolint:gosec // spreads load, guards nothing
}

// day is the longest wait that is believed: no limit of LeadMagic's lasts longer.
const day = 24 * time.Hour

// RetryAfter reads the header Retry-After, as seconds or as an HTTP date. ok is false if it is not there or is neither.
// A date that has passed is a wait of 0, and no wait is longer than a day. Source: RFC 9110 §10.2.3.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	v := h.Get("Retry-After")
	if secs, ok := number(v); ok {
		return Seconds(secs), true
	}
	if at, err := http.ParseTime(strings.TrimSpace(v)); err == nil {
		return Seconds(at.Sub(now).Seconds()), true
	}
	return 0, false
}

// Reset is how long until the rate limit starts anew, 0 if the header RateLimit-Reset does not say. LeadMagic
// documents it both as seconds and as a Unix time. More than a day away is neither.
// Source: LeadMagic OpenAPI 1.4.35.
func Reset(h http.Header, now time.Time) time.Duration {
	v, _ := number(h.Get("RateLimit-Reset"))
	if v > 1e9 { // no wait is thirty years long: this is a Unix time
		v -= float64(now.Unix())
	}
	if v > day.Seconds() {
		return 0
	}
	return Seconds(v)
}

// number is what a header says in digits, with a fraction perhaps.
func number(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && strings.Trim(s, "0123456789.") == ""
}

// Seconds is a wait of v seconds, a day at most. What is negative or no number is 0.
func Seconds(v float64) time.Duration {
	if math.IsNaN(v) || v <= 0 {
		return 0
	}
	return time.Duration(min(v, day.Seconds()) * float64(time.Second))
}
