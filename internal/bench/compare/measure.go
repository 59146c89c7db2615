package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	starts    = 5        // processes started in a round
	warmUp    = 200      // calls that do not count
	inFlight  = 64       // calls side by side
	perFlight = 50       // calls that each of them makes in turn
	large     = 16 << 20 // bytes of a large result
	larges    = 3        // large results in a round
)

// measure is one round of one contestant.
func measure(ctx context.Context, c contestant, u *upstream, calls int) (n Numbers, err error) {
	var begun []time.Duration
	for range starts {
		e, took, err := start(ctx, c, u.url)
		if err != nil {
			return n, err
		}
		e.stop()
		begun = append(begun, took)
	}
	n.Start = milliseconds(quantile(begun, 0.5))

	e, _, err := start(ctx, c, u.url)
	if err != nil {
		return n, err
	}
	defer e.stop()
	if n.Idle, err = e.idle(ctx); err != nil {
		return n, err
	}
	for range warmUp {
		if _, err := e.echo(ctx, `{"n":1}`); err != nil {
			return n, err
		}
	}
	if n.P50, n.P99, n.CPU, err = e.inTurn(ctx, calls); err != nil {
		return n, err
	}
	if n.PerSecond, err = e.sideBySide(ctx); err != nil {
		return n, err
	}
	n.Memory = megabytes(resident(e.cmd.Process.Pid))
	if n.Large, err = e.large(ctx); err != nil {
		return n, err
	}
	n.MemoryLarge = megabytes(resident(e.cmd.Process.Pid))
	return n, nil
}

// idle makes one call, and returns the memory that is held a second later.
func (e *editor) idle(ctx context.Context) (float64, error) {
	if _, err := e.echo(ctx, `{"n":0}`); err != nil {
		return 0, err
	}
	select {
	case <-time.After(time.Second):
		return megabytes(resident(e.cmd.Process.Pid)), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// inTurn makes calls one after the other: their times, and the processor time that each took of the contestant.
func (e *editor) inTurn(ctx context.Context, calls int) (p50, p99, cpu float64, err error) {
	took := make([]time.Duration, calls)
	before := processor(e.cmd.Process.Pid)
	for i := range took {
		begun := time.Now()
		if _, err := e.echo(ctx, `{"full_name":"Ada Lovelace","domain":"analytical.example"}`); err != nil {
			return 0, 0, 0, err
		}
		took[i] = time.Since(begun)
	}
	used := processor(e.cmd.Process.Pid) - before
	return milliseconds(quantile(took, 0.5)), milliseconds(quantile(took, 0.99)), milliseconds(used) / float64(calls), nil
}

// sideBySide keeps many calls in flight, and returns how many are answered in a second.
func (e *editor) sideBySide(ctx context.Context) (float64, error) {
	var work sync.WaitGroup
	failed := make(chan error, inFlight)
	begun := time.Now()
	for range inFlight {
		work.Go(func() {
			for range perFlight {
				if _, err := e.echo(ctx, `{"full_name":"Ada Lovelace"}`); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	work.Wait()
	took := time.Since(begun)
	select {
	case err := <-failed:
		return 0, err
	default:
		return inFlight * perFlight / took.Seconds(), nil
	}
}

// large asks for results of 16 MiB, and returns how long one takes.
func (e *editor) large(ctx context.Context) (float64, error) {
	var took []time.Duration
	for range larges {
		begun := time.Now()
		answer, err := e.echo(ctx, fmt.Sprintf(`{"size":%d}`, large))
		if err != nil {
			return 0, err
		}
		if len(answer) < large {
			return 0, fmt.Errorf("a result of %d bytes came as %d", large, len(answer))
		}
		took = append(took, time.Since(begun))
	}
	return milliseconds(quantile(took, 0.5)), nil
}

// quantile is the time below which that part of all times lies.
func quantile(all []time.Duration, part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
