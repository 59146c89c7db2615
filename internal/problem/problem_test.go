package problem_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

var codes = []problem.Code{
	problem.BadSetting, problem.KeyMissing, problem.KeyMalformed, problem.Unreachable, problem.Untrusted, problem.KeyRejected, problem.SignInRequired,
	problem.NoCredits, problem.NotAllowed, problem.NotFound, problem.BadRequest, problem.RateLimited, problem.Redirected, problem.Failed,
	problem.NotLeadMagic, problem.BrokenAnswer, problem.Cut, problem.TimedOut, problem.OverBudget, problem.Hidden,
}

func TestEachKindSaysWhoCanFixItAndHow(t *testing.T) {
	for _, code := range codes {
		p := problem.New(code, problem.NotSent, "it is so", "")
		lines := strings.Split(p.Text(nil), "\n")
		if len(lines) != 3 || lines[0] != "it is so" || lines[1] == "" || lines[2] == "next: " {
			t.Errorf("%s: got %q, want three lines: the problem, whether the agent can fix it, what next", code, lines)
		}
		if p.Fix() == "" || p.Line() != "it is so (fix: "+p.Fix()+")" {
			t.Errorf("%s: got the line %q", code, p.Line())
		}
		for _, line := range lines {
			if strings.HasSuffix(line, ".") {
				t.Errorf("%s: %q ends with a full stop", code, line)
			}
		}
	}
}

func TestText(t *testing.T) {
	all := func(string) bool { return true }
	tests := []struct {
		name string
		p    problem.Problem
		has  func(string) bool
		want string
	}{
		{
			"its own advice comes before that of its kind",
			problem.Problem{Code: problem.BadRequest, What: "the limit is too large", Next: "set limit to 50"},
			all,
			"the limit is too large\nthe agent can fix this: change the arguments and call again; no credits were used\nnext: set limit to 50",
		},
		{
			"an unknown outcome names the free balance tool",
			problem.Problem{Code: problem.Failed, Outcome: problem.Unknown, What: "LeadMagic failed", Next: "wait"},
			all,
			"LeadMagic failed; the outcome is unknown, credits may have been used\nthe agent cannot fix this: it is on LeadMagic's side\nnext: wait; check_credits shows the balance, for free",
		},
		{
			"the balance tool goes by the name of the session",
			problem.Problem{Code: problem.Failed, Outcome: problem.Unknown, What: "LeadMagic failed", Next: "wait"},
			func(name string) bool { return name == "check_credit_balance" },
			"LeadMagic failed; the outcome is unknown, credits may have been used\nthe agent cannot fix this: it is on LeadMagic's side\nnext: wait; check_credit_balance shows the balance, for free",
		},
		{
			"a session without the tool is told of none",
			problem.Problem{Code: problem.Failed, Outcome: problem.Unknown, What: "LeadMagic failed", Next: "wait"},
			nil,
			"LeadMagic failed; the outcome is unknown, credits may have been used\nthe agent cannot fix this: it is on LeadMagic's side\nnext: wait",
		},
		{
			"LeadMagic's code, request and page stand in it",
			problem.Problem{Code: problem.Failed, What: "LeadMagic failed", Next: "wait", Upstream: "INTERNAL_ERROR", RequestID: "req_1", Docs: "https://leadmagic.io/docs"},
			all,
			"LeadMagic failed (INTERNAL_ERROR, request req_1)\nthe agent cannot fix this: it is on LeadMagic's side\nnext: wait; see https://leadmagic.io/docs",
		},
		{
			"what editors take for an OAuth prompt does not",
			problem.Problem{Code: problem.Failed, What: "HTTP 401 Unauthorized: Auth required", Next: "401", Upstream: "UNAUTHORIZED"},
			all,
			"a refusal not accepted: a key is needed (not accepted)\nthe agent cannot fix this: it is on LeadMagic's side\nnext: a refusal",
		},
		{
			"what is uncertain of a paid call is not so of a free one",
			problem.Problem{Code: problem.TimedOut, Outcome: problem.Refused, What: "LeadMagic took the request and did not answer", Next: "try again later"},
			all,
			"LeadMagic took the request and did not answer\nthe agent can try again: no credits were used\nnext: try again later",
		},
		{
			"nor has its result to be looked for",
			problem.Problem{Code: problem.Cut, Outcome: problem.Refused, What: "the connection broke"},
			all,
			"the connection broke\nthe agent can try again: no credits were used\nnext: try again later; if it stays, leadmagic-mcp-proxy doctor finds the cause",
		},
		{
			"a number that only has the digits in it is left whole",
			problem.Problem{Code: problem.Redirected, What: "LeadMagic points to http://127.0.0.1:40183", Next: "look", RequestID: "req_b401f"},
			all,
			"LeadMagic points to http://127.0.0.1:40183 (request req_b401f)\nthe agent cannot fix this; a person has to\nnext: look",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.Text(tt.has); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestData(t *testing.T) {
	tests := []struct {
		name string
		p    problem.Problem
		want string
	}{
		{"a kind of ours", problem.Problem{Code: problem.Unreachable}, `{"source":"leadmagic-mcp-proxy","code":"unreachable"}`},
		{
			"what LeadMagic said",
			problem.Problem{Code: problem.RateLimited, HTTPStatus: 429, Upstream: "rate_limit_exceeded", RequestID: "req_1", RetryAfter: 1100 * time.Millisecond},
			`{"source":"leadmagic-mcp-proxy","httpStatus":429,"code":"rate_limit_exceeded","requestId":"req_1","retryAfter":2}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.p.Data()); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestWhyACallWasNeverSent(t *testing.T) {
	for cause, want := range map[error]string{
		context.Canceled: "the call was cancelled before it was sent",
		fmt.Errorf("closing: %w", problem.ErrSessionEnded): "the session ended before the call was sent",
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if got, want := *problem.NeverSent(ctx), (problem.Problem{Code: problem.Unreachable, Outcome: problem.NotSent, What: want}); got != want {
			t.Errorf("%v: got %+v, want %+v", cause, got, want)
		}
	}
}

func TestAProblemIsFoundInATreeOfErrors(t *testing.T) {
	cause := errors.New("the cause")
	p := &problem.Problem{Code: problem.Failed, What: "LeadMagic failed", Cause: cause}
	err := fmt.Errorf("calling: %w", p)
	if got := problem.As(err); got != p {
		t.Errorf("got %v, want %v", got, p)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is not in the tree")
	}
	if got := p.Error(); got != "LeadMagic failed" {
		t.Errorf("got the error %q", got)
	}
	if got := problem.As(cause); got != nil {
		t.Errorf("got %v in an error that has none", got)
	}
	if got := problem.As(nil); got != nil {
		t.Errorf("got %v in no error", got)
	}
}

func TestCreditsAreExact(t *testing.T) {
	tests := []struct {
		f    float64
		want string
	}{
		{0.05, "0.05"},
		{0.1 + 0.2, "0.3"},
		{1e-9, "0.000001"}, // something is not nothing
		{0, "0"},
		{15432.5, "15432.5"},
		{1e300, "1000000000"},
	}
	for _, tt := range tests {
		if got := problem.ToCredits(tt.f); got.String() != tt.want || got.Words() != tt.want+" credits" {
			t.Errorf("%v: got %s, want %s", tt.f, got.Words(), tt.want)
		}
	}
	if got := problem.Credit.Words(); got != "1 credit" {
		t.Errorf("got %s", got)
	}
}
