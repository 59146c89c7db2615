package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// A Budget is an Upstream that limits the credits which calls through Next may use, and keeps account of them. What a call
// costs at most is reserved before it is sent, so that calls side by side cannot exceed the limit together. A call of
// unknown price runs alone, between two reads of the balance. It may exceed the limit, so at most one such call does.
type Budget struct {
	Next Upstream
	// Limit is how many credits may be used. Zero is no limit, and then a Budget only keeps account.
	Limit problem.Credits
	// Price is what a call costs at most, in credits; a tool that costs 0 is free. It is not known for tools without
	// a published price. A nil Price knows of none.
	Price func(tool string, arguments []byte) (credits problem.Credits, known bool)
	// Spent is told of each paid call that was sent, when it is known what it has cost. It is not called again before it
	// returns. Nil for none.
	Spent func(SpentCall)

	session    context.Context //nolint:containedctx // ended when no call is sent any more
	endSession context.CancelCauseFunc
	reads      context.Context //nolint:containedctx // of the balance; ended later, when they had time
	endReads   context.CancelFunc
	next       toolLists
	measuring  sync.WaitGroup

	mu          sync.Mutex // guards what follows, and makes a cost count and be reported in one step
	spent, held problem.Credits
	queue       []*reservation // not decided yet, in the order in which they came
	unmeasured  *reservation   // of the call of unknown price after which the balance could not be read, nil if none
}

// A reservation is the credits that are held for one call.
type reservation struct {
	request *jsonrpc.Message
	tool    string
	worst   problem.Credits // what the call costs at most
	known   bool            // it is

	decided chan struct{} // closed when what the call may cost is held, or refusal says why it is not
	held    problem.Credits
	refusal *problem.Problem

	// Of a call that runs alone.
	before problem.Credits // the balance
	cost   cost            // what its response says
}

// Start implements Upstream.
func (b *Budget) Start(notify func(*jsonrpc.Message)) {
	b.session, b.endSession = context.WithCancelCause(context.Background())
	b.reads, b.endReads = context.WithCancel(context.Background())
	b.next.Upstream = b.Next
	b.next.Start(notify)
}

// Call implements Upstream.
func (b *Budget) Call(ctx context.Context, request *jsonrpc.Message) *jsonrpc.Message {
	if request.Method != "tools/call" || isStatusCall(request) {
		return b.next.Call(ctx, request)
	}
	r := &reservation{request: request, tool: request.Param("name"), decided: make(chan struct{})}
	if b.Price != nil {
		r.worst, r.known = b.Price(r.tool, jsonrpc.Get(request.Params, "arguments"))
	}
	if r.known && r.worst == 0 {
		response := b.next.Call(ctx, request)
		// Only LeadMagic's own account of the request counts here: what a free tool shows may speak of the cost of other calls.
		if c := new(cost); c.readUsage(response.Result) && c.Credits > 0 {
			b.settle(r, *c)
		}
		return response
	}
	if p := b.reserve(ctx, r); p != nil {
		return jsonrpc.Failed(request, p)
	}
	if b.runsAlone(r) {
		var p *problem.Problem
		if r.before, p = b.balance(ctx, request); p != nil {
			b.endWith(ctx)
			b.settle(r, cost{unsent: true})
			if ctx.Err() != nil {
				return jsonrpc.Failed(request, problem.NeverSent(ctx))
			}
			return jsonrpc.Failed(request, notSent(p, "the call was not sent, since what "+quoteName(r.tool)+" costs is not known, and the balance before it cannot be read: "))
		}
	}
	response := b.next.Call(ctx, request)
	b.endWith(ctx)
	r.cost = costOf(r, response)
	if b.runsAlone(r) && !r.cost.final {
		b.measure(r) // in the background: the response does not wait for it
	} else {
		b.settle(r, r.cost)
	}
	return response
}

// Notify implements Upstream.
func (b *Budget) Notify(ctx context.Context, m *jsonrpc.Message) {
	b.Next.Notify(ctx, m)
}

// Close implements Upstream. Half of the time is for reads of the balance that are under way.
func (b *Budget) Close(ctx context.Context) {
	b.mu.Lock()
	b.endSession(problem.ErrSessionEnded)
	b.mu.Unlock()
	jsonrpc.WaitHalf(ctx, &b.measuring)
	b.endReads()
	b.Next.Close(ctx)
	jsonrpc.WaitFor(ctx, &b.measuring)
	b.mu.Lock()
	r := b.unmeasured
	b.unmeasured = nil
	b.mu.Unlock()
	if r != nil {
		b.settle(r, r.cost)
	}
}

// endWith ends the session if it has ended ctx. The contexts of calls end one after the other, and what the first of them
// gives back is for none of the others.
func (b *Budget) endWith(ctx context.Context) {
	if errors.Is(context.Cause(ctx), problem.ErrSessionEnded) {
		b.endSession(problem.ErrSessionEnded)
	}
}

func (b *Budget) runsAlone(r *reservation) bool { return b.Limit > 0 && !r.known }

// reserve holds the credits that a call costs at most. It waits in line while others may give back what it needs. The
// problem is why the call must not be sent.
func (b *Budget) reserve(ctx context.Context, r *reservation) *problem.Problem {
	b.mu.Lock()
	b.queue = append(b.queue, r)
	b.decide()
	unmeasured := b.unmeasured
	b.unmeasured = nil
	b.mu.Unlock()
	if unmeasured != nil {
		b.measure(unmeasured)
	}
	if wait(ctx, r.decided, 0) {
		return r.refusal
	}
	b.mu.Lock()
	b.queue = slices.DeleteFunc(b.queue, func(other *reservation) bool { return other == r })
	b.mu.Unlock()
	b.endWith(ctx)
	b.settle(r, cost{unsent: true})
	return problem.NeverSent(ctx)
}

// decide decides on those in line that need not wait. The mutex is held.
func (b *Budget) decide() {
	for len(b.queue) > 0 {
		r := b.queue[0]
		left, needed := b.Limit-b.spent, r.worst
		if b.runsAlone(r) {
			needed = max(left, 1) // all that is left, and nothing is not enough
		}
		switch {
		case b.session.Err() != nil:
			r.refusal = problem.NeverSent(b.session)
		case b.Limit == 0, needed <= left-b.held:
			r.held = needed
			b.held += needed
		case needed <= left:
			return // calls under way may give back what it needs
		default:
			r.refusal = b.overBudget(r, max(0, left-b.held))
		}
		b.queue = b.queue[1:]
		close(r.decided)
	}
}

// overBudget says why the limit forbids a call, of which left credits are left.
func (b *Budget) overBudget(r *reservation, left problem.Credits) *problem.Problem {
	what := fmt.Sprintf("what %s costs is not known, and nothing is left of the %s that this session may use", quoteName(r.tool), b.Limit.Words())
	if r.known {
		what = fmt.Sprintf("%s may cost %s, and %s of the %s that this session may use are left", quoteName(r.tool), r.worst.Words(), left, b.Limit)
	}
	details := []string{b.spent.Words() + " spent"}
	if b.spent > b.Limit {
		details = append(details, "since a call of unknown cost may pass the limit")
	}
	if b.held > 0 {
		details = append(details, b.held.Words()+" held for calls under way")
	}
	return problem.New(problem.OverBudget, problem.NotSent, what+" ("+strings.Join(details, ", ")+"); the call was not sent", "")
}

// settle counts what a call has cost, in place of what was held for it, and reports it.
func (b *Budget) settle(r *reservation, c cost) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += c.Credits
	b.held -= r.held
	b.decide()
	if b.Spent != nil && !c.unsent {
		c.Time, c.Tool = time.Now(), r.tool
		b.Spent(c.SpentCall)
	}
}

// measure finds out from the balance what a call has cost, if that is more than its response says, and settles it. A
// balance that rose, because somebody bought credits, tells nothing: the call counts as what its response says, else as
// 0. As long as the balance cannot be read, no paid call is sent; each one that is asked for tries again.
func (b *Budget) measure(r *reservation) {
	b.mu.Lock()
	if b.session.Err() != nil {
		b.mu.Unlock()
		b.settle(r, r.cost)
		return
	}
	defer b.mu.Unlock()
	b.measuring.Go(func() {
		after, p := b.balance(b.reads, r.request)
		c := r.cost
		switch {
		case p == nil:
			c.Balance = &after
			if used := max(0, r.before-after); used > c.Credits || c.Basis == Unknown {
				c.Credits, c.Basis = used, Measured
			}
		case c.Basis == Unknown && b.reads.Err() == nil:
			refusal := notSent(p, "the call was not sent, since what the call before has cost is not known, and the balance cannot be read: ")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.unmeasured = r
			for _, waiting := range b.queue {
				waiting.refusal = refusal
				close(waiting.decided)
			}
			b.queue = nil
			return
		}
		b.settle(r, c)
	})
}

// balance is how many credits are left.
func (b *Budget) balance(ctx context.Context, like *jsonrpc.Message) (left problem.Credits, p *problem.Problem) {
	tool := balanceToolIn(b.next.like(like))
	if tool == "" {
		list := b.next.callInternal(ctx, like, "tools/list")
		if p := problemOf(list); p != nil {
			return left, p
		}
		tool = balanceToolIn(readTools(list.Result))
	}
	if tool == "" {
		return left, problem.New(problem.OverBudget, problem.NotSent,
			"what the call costs is not known, and LeadMagic lists no tool that shows the balance; the call was not sent",
			"ask the person to start the session without --max-credits (LEADMAGIC_MAX_CREDITS), or use other tools")
	}
	response := b.next.readBalance(ctx, like, tool)
	if p := problemOf(response); p != nil {
		return left, p
	}
	left, isStated := statedBalance(response.Result)
	if !isStated {
		p = problem.New(problem.Failed, problem.NotSent, "LeadMagic's answer has no balance in it", "")
	}
	return left, p
}

// balanceToolIn is the name of the balance tool, empty if it is not listed. While the session is explained it is not, and
// calling it finds out whether LeadMagic can be used now.
func balanceToolIn(tools map[string]bool) string {
	has := func(name string) bool { _, ok := tools[name]; return ok }
	if has(problem.StatusTool) {
		return problem.BalanceTool
	}
	return problem.BalanceToolIn(has)
}
