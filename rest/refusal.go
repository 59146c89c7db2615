package rest

import (
	"fmt"
	"net/http"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// refusal is the problem that an answer stands for, as the REST API means it. named says that the call has
// arguments.
func refusal(a problem.Answer, named bool) *problem.Problem {
	// Here the key is the only way in: a challenge says nothing more than that it was rejected.
	a.Header = a.Header.Clone()
	a.Header.Del("Www-Authenticate")
	p := problem.FromAnswer(a)
	switch {
	case p.Code == problem.Redirected:
		p.Next = "set --api-url (or LEADMAGIC_API_URL) to the new address if you trust it"
	case p.Code == problem.NotFound && !named:
		// A call that names nothing has not named the wrong thing.
		p.What = fmt.Sprintf("LeadMagic's REST API is not at this address (HTTP %d)", a.Status)
		p.Next = "check --api-url (LEADMAGIC_API_URL)"
	}
	return p
}

// broken is the problem of a request that brought no whole answer. sent says that some of it may have reached
// LeadMagic. What became of a free call does not matter: it may simply be made again.
func broken(err error, sent, paid bool) *problem.Problem {
	p := problem.FromError(err, sent)
	if p.Code == problem.Cut && !paid {
		p.Fate, p.Next = problem.Refused, "call again: the call is free"
	}
	return p
}

// succeeded reports whether an answer is what was asked for, if it can be read.
func succeeded(status int) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}
