package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// inject answers a request with what a fault makes of it.
func (s *Sandbox) inject(w http.ResponseWriter, r *http.Request, in incoming, f Fault) {
	if !wait(r.Context(), f.Delay) {
		return
	}
	if f.Carried {
		t := s.play(r.Context(), r, in)
		<-t.ended
	}
	fill := placeholders(r, in)
	for name, value := range f.Header {
		w.Header().Set(name, fill.Replace(value))
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch f.Kind {
	case Delay:
		s.route(w, r, in)
	case Hold:
		select {
		case <-f.cleared:
			s.route(w, r, in)
		case <-r.Context().Done():
		}
	case Status:
		send(w, f.Status, f.ContentType, fill.Replace(f.Body))
	case Problem:
		s.sendProblem(w, f, fill)
	case RPCError, Result:
		sendRPC(w, in, f, fill)
	case Redirect:
		w.Header().Set("Location", fill.Replace(orElse(f.Location, "https://elsewhere.invalid/mcp")))
		send(w, orElse(f.Status, http.StatusTemporaryRedirect), "text/html", "<a href=\"#\">moved</a>\n")
	case HTML:
		send(w, http.StatusOK, "text/html; charset=utf-8", portal)
	case Empty:
		send(w, http.StatusOK, orElse(f.ContentType, "application/json"), "")
	case Accepted:
		w.WriteHeader(http.StatusAccepted)
	case LostSession:
		s.dropSessions(orElse(f.Status, http.StatusNotFound))
		s.route(w, r, in)
	case Hang:
		ctx := r.Context()
		if f.After > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, f.After)
			defer cancel()
		}
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	case Cut:
		panic(http.ErrAbortHandler)
	case CutStream:
		s.cutStream(w, r, in, f)
	case Truncate:
		s.truncate(w, r, in)
	case Endless:
		endless(w, r, f.Size)
	case Huge:
		huge(w, in, f)
	case EchoKey:
		s.echoKey(w, r, in, f)
	case Reshape:
		s.reshape(w, r, in, f)
	}
}

// portal is what a hotel's network answers.
const portal = "<!doctype html><html><head><title>Welcome</title></head><body><p>Sign in to use this network.</p></body></html>\n"

// send writes a whole answer. Without a content type, and none among the headers set before, there is none.
func send(w http.ResponseWriter, status int, contentType, body string) {
	status = orElse(status, http.StatusOK)
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	} else if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // net/http guesses otherwise
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	writeStrings(w, body)
}

// codes are LeadMagic's error codes where a status has one.
var codes = map[int]string{
	http.StatusBadRequest:          "validation_error",
	http.StatusUnauthorized:        "invalid_api_key",
	http.StatusPaymentRequired:     "insufficient_credits",
	http.StatusForbidden:           "insufficient_permissions",
	http.StatusNotFound:            "resource_not_found",
	http.StatusTooManyRequests:     "rate_limit_exceeded",
	http.StatusInternalServerError: "INTERNAL_ERROR",
	http.StatusBadGateway:          "external_service_error",
	http.StatusServiceUnavailable:  "service_unavailable",
}

func (s *Sandbox) sendProblem(w http.ResponseWriter, f Fault, fill *strings.Replacer) {
	status := orElse(f.Status, http.StatusInternalServerError)
	why := refuse(status, orElse(f.Code, orElse(codes[status], "error")), orElse(fill.Replace(f.Detail), "refused on request"))
	if f.Param != "" {
		why.Param = []string{f.Param}
	}
	switch status {
	case http.StatusPaymentRequired:
		n := noCredits(5, s.account.balance())
		why.Action, why.Context = n.Action, n.Context
	case http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(f.RetryAfter)
		if err != nil {
			seconds = 1
		}
		why.Context = object{
			"limit": rateLimit, "window": "1 minute", "remaining": 0,
			"reset_at": time.Now().Add(time.Duration(seconds) * time.Second).Unix(), "retry_after_seconds": seconds,
		}
	}
	const id = "req_sandbox_fault"
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("Content-Type", orElse(f.ContentType, "application/problem+json"))
	writeBody(w, status, why.body(f.Form, id))
}

// sendRPC answers the first call of the request with a JSON-RPC error or result.
func sendRPC(w http.ResponseWriter, in incoming, f Fault, fill *strings.Replacer) {
	id := `"id":` + callID(in) + `,`
	switch f.ID {
	case "null":
		id = `"id":null,`
	case "none":
		id = ""
	case "wrong":
		id = `"id":"nobody-asked",`
	}
	body := `{"jsonrpc":"2.0",` + id + `"error":{"code":` + strconv.Itoa(orElse(f.RPCCode, -32000)) + `,"message":` + quote(orElse(fill.Replace(f.Detail), "refused on request")) + `}}`
	if f.Kind == Result {
		body = `{"jsonrpc":"2.0",` + id + `"result":` + orElse(fill.Replace(f.Body), "{}") + `}`
	}
	send(w, f.Status, orElse(f.ContentType, "application/json"), body)
}

// callID is the raw id of the first call in the request, or null.
func callID(in incoming) string {
	for _, m := range in.messages {
		if m.isCall() {
			return string(m.ID)
		}
	}
	return "null"
}

func placeholders(r *http.Request, in incoming) *strings.Replacer {
	return strings.NewReplacer("{{id}}", callID(in), "{{key}}", shownKey(r), "{{session}}", r.Header.Get("Mcp-Session-Id"))
}

// shownKey is the key that a request carries, in whatever header.
func shownKey(r *http.Request) string {
	for _, header := range []string{mcpKeyHeader, restKeyHeader} {
		if key, ok := presented(r, header); ok {
			return key
		}
	}
	return ""
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
