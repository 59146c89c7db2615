package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/ratelimit"
)

func TestNobodyWaitsWithoutAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ratelimit.Limiter
		start := time.Now()
		if err := l.Wait(t.Context()); err != nil || time.Since(start) != 0 || l.Left() != 0 {
			t.Errorf("got %v after %v, %v left, want none of them", err, time.Since(start), l.Left())
		}
	})
}

func TestAPauseHoldsBackAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ratelimit.Limiter
		l.Pause(10 * time.Second)
		l.Pause(time.Second) // a shorter one changes nothing
		if left := l.Left(); left != 10*time.Second {
			t.Errorf("got %v left, want 10 s", left)
		}
		start := time.Now()
		var mu sync.Mutex
		var times []time.Duration
		var waiters sync.WaitGroup
		for range 50 {
			waiters.Go(func() {
				if err := l.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Since(start))
			})
		}
		waiters.Wait()
		if first, last := slices.Min(times), slices.Max(times); first < 10*time.Second || last > 11*time.Second || last-first < time.Millisecond {
			t.Errorf("got the first after %v and the last after %v, want them spread over the second after the tenth", first, last)
		}
		if left := l.Left(); left != 0 {
			t.Errorf("got %v left after the pause", left)
		}
	})
}

func TestAPauseThatBeginsMeanwhileIsWaitedForToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ratelimit.Limiter
		l.Pause(2 * time.Second)
		start := time.Now()
		time.AfterFunc(time.Second, func() { l.Pause(5 * time.Second) })
		if err := l.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 6*time.Second || took > 6600*time.Millisecond {
			t.Errorf("got out after %v, want the end of the second pause, after 6 s", took)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	cause := errors.New("the editor has cancelled")
	synctest.Test(t, func(t *testing.T) {
		var l ratelimit.Limiter
		l.Pause(time.Hour)
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := l.Wait(ctx); !errors.Is(err, cause) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want %v after 1 s", err, time.Since(start), cause)
		}
		if err := new(ratelimit.Limiter).Wait(ctx); !errors.Is(err, cause) {
			t.Errorf("got %v without a pause, want the cause of a context that has ended", err)
		}
	})
}

func TestSleep(t *testing.T) {
	cause := errors.New("the session has ended")
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		start := time.Now()
		for _, d := range slices.Repeat([]time.Duration{-1, 0, time.Second}, 100) { // not by chance
			if err := ratelimit.Sleep(ended, d); !errors.Is(err, cause) || time.Since(start) != 0 {
				t.Errorf("%v: got %v after %v, want the cause at once", d, err, time.Since(start))
			}
		}
		for _, d := range []time.Duration{-1, 0} {
			if err := ratelimit.Sleep(t.Context(), d); err != nil || time.Since(start) != 0 {
				t.Errorf("%v: got %v after %v, want nothing at once", d, err, time.Since(start))
			}
		}
		if err := ratelimit.Sleep(t.Context(), time.Second); err != nil || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want nothing after 1 s", err, time.Since(start))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := ratelimit.Sleep(ctx, time.Minute); !errors.Is(err, cause) || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %v, want the cause after 2 s", err, time.Since(start))
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		n             int
		base, most    time.Duration
		atLeast, upTo time.Duration
	}{
		{0, 100 * time.Millisecond, time.Second, 50 * time.Millisecond, 100 * time.Millisecond},
		{1, 100 * time.Millisecond, time.Second, 100 * time.Millisecond, 200 * time.Millisecond},
		{3, 100 * time.Millisecond, time.Second, 400 * time.Millisecond, 800 * time.Millisecond},
		{4, 100 * time.Millisecond, time.Second, 500 * time.Millisecond, time.Second},
		{math.MaxInt, 100 * time.Millisecond, time.Second, 500 * time.Millisecond, time.Second},
		{0, 2 * time.Second, time.Second, 500 * time.Millisecond, time.Second},
		{1000, time.Second, 24 * time.Hour, 12 * time.Hour, 24 * time.Hour},
	} {
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for range 500 {
			d := ratelimit.Backoff(tt.n, tt.base, tt.most)
			least, most = min(least, d), max(most, d)
		}
		// Of 500 waits between half and all, one is in the lowest tenth, and one in the highest.
		tenth := (tt.upTo - tt.atLeast) / 10
		if least < tt.atLeast || most > tt.upTo || least > tt.atLeast+tenth || most < tt.upTo-tenth {
			t.Errorf("Backoff(%d, %v, %v): got waits between %v and %v, want %v and %v", tt.n, tt.base, tt.most, least, most, tt.atLeast, tt.upTo)
		}
	}
}

func TestJitter(t *testing.T) {
	if got := ratelimit.Jitter(0); got != 0 {
		t.Errorf("got %v for nothing", got)
	}
	least, most := time.Hour, time.Duration(0)
	for range 500 {
		d := ratelimit.Jitter(10 * time.Second)
		least, most = min(least, d), max(most, d)
	}
	if least < 10*time.Second || least > 10050*time.Millisecond || most < 10950*time.Millisecond || most > 11*time.Second {
		t.Errorf("got waits between %v and %v, want 10 s and up to one more", least, most)
	}
}

// now is when the headers of these tests come.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name, header string
		want         time.Duration
		ok           bool
	}{
		{"nothing", "", 0, false},
		{"seconds", "42", 42 * time.Second, true},
		{"none", "0", 0, true},
		{"seconds with blanks and a fraction", " 1.5 ", 1500 * time.Millisecond, true},
		{"a date", "Mon, 23 Nov 2026 12:00:30 GMT", 30 * time.Second, true},
		{"a date with blanks", " Mon, 23 Nov 2026 12:00:30 GMT ", 30 * time.Second, true},
		{"a date of the older kinds", "Monday, 23-Nov-26 12:00:30 GMT", 30 * time.Second, true},
		{"a date in the past", "Mon, 23 Nov 2026 11:00:00 GMT", 0, true},
		{"a date in a year", "Tue, 23 Nov 2027 12:00:00 GMT", day, true},
		{"an absurd number", "99999999999999999999", day, true},
		{"infinity", "Inf", 0, false},
		{"no number", "NaN", 0, false},
		{"a number of another base", "0x1p4", 0, false},
		{"an exponent", "1e1", 0, false},
		{"a negative number", "-5", 0, false},
		{"two numbers", "1.2.3", 0, false},
		{"words", "soon", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Retry-After": {tt.header}}
			if got, ok := ratelimit.RetryAfter(h, now); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestReset(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		want         time.Duration
	}{
		{"nothing", "", 0},
		{"seconds", " 42 ", 42 * time.Second},
		{"a time", "1795435230", 30 * time.Second},
		{"a time in the past", "1706745642", 0},
		{"the end of the day", "86400", 24 * time.Hour},
		{"more than a day", "86401", 0},
		{"a time in more than a day", "1795521601", 0},
		{"the last number that is seconds", "1000000000", 0},
		{"ages", "1e300", 0},
		{"a time in thousandths of a second", "1795435230000", 0},
		{"no number", "NaN", 0},
		{"a time before now", "-1", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ratelimit.Reset(http.Header{"Ratelimit-Reset": {tt.header}}, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	for _, tt := range []struct {
		seconds float64
		want    time.Duration
	}{
		{1.5, 1500 * time.Millisecond}, {0.5, 500 * time.Millisecond}, {1, time.Second}, {0, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 24 * time.Hour}, {math.Inf(-1), 0}, {1e300, 24 * time.Hour},
	} {
		if got := ratelimit.Seconds(tt.seconds); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.seconds, got, tt.want)
		}
	}
}
