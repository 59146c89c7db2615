package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
)

// An api is LeadMagic's REST API and what is known of its rate limit.
type api struct {
	client *http.Client
	base   string
	log    *slog.Logger
	gate   gate
}

func newAPI(client *http.Client, base string, log *slog.Logger) *api {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Go carries a custom header across a redirect, whatever its host.
	follow := *client
	follow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &api{client: &follow, base: base, log: log}
}

// An answer is what LeadMagic says to one request. Its body is valid JSON.
type answer struct {
	header http.Header
	body   []byte
}

// once makes one request. The answer is nil when there is a problem, except for its headers.
func (r *api) once(ctx context.Context, t *tool, a arguments, waited time.Duration) (*answer, *problem.Problem) {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := t.request(ctx, r.base, a)
	if err != nil {
		p := problem.New(problem.BadSetting, problem.NotSent, "the address of LeadMagic's REST API cannot be used", "correct --api-url (LEADMAGIC_API_URL)")
		p.Cause = err
		return &answer{}, p
	}
	req.Header.Set("Accept", "application/json")
	start := time.Now()
	res, err := r.client.Do(req)
	if err != nil {
		return &answer{}, broken(err, sent.Load(), !t.free())
	}
	defer func() { _ = res.Body.Close() }()
	ans := &answer{header: res.Header}
	ans.body, err = readBody(res.Body)
	r.log.DebugContext(ctx, "answer of the REST API", "tool", t.name, "status", res.StatusCode,
		"request", res.Header.Get("X-Request-Id"), "bytes", len(ans.body), "took", time.Since(start))
	switch {
	case err != nil && !errors.Is(err, errTooLong) && succeeded(res.StatusCode):
		return ans, broken(err, true, !t.free())
	case err == nil && succeeded(res.StatusCode) && json.Valid(ans.body):
		return ans, nil
	}
	return ans, refusal(problem.Answer{
		Status: res.StatusCode, Header: res.Header, Body: ans.body[:min(len(ans.body), 64<<10)],
		Asked: req.URL, Paid: !t.free(), Waited: waited, Now: time.Now(),
	}, len(a.values) > 0)
}

// maxBody bounds an answer. The largest that LeadMagic documents, 10,000 people, are half of it.
const maxBody = 64 << 20

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxBody)

// readBody reads a whole answer, without blanks around it and a byte order mark before it.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errTooLong
	}
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\uFEFF"))), err
}
