package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"
)

// answerTimeout is how long a probe waits for an answer: longer than any of the programs retries.
const answerTimeout = 15 * time.Second

// probe finds out what becomes of a call when something goes wrong.
func probe(ctx context.Context, c *contestant) map[string]string {
	probes := make(map[string]string)
	for name, run := range map[string]func(context.Context, *contestant) (string, error){
		"redirect": probeRedirect, "numbers": probeNumbers,
		"cut_stream":   func(ctx context.Context, c *contestant) (string, error) { return told(ask(ctx, c, cutStream)) },
		"rejected_key": func(ctx context.Context, c *contestant) (string, error) { return told(ask(ctx, c, rejectKey)) },
	} {
		text, err := run(ctx, c)
		if err != nil {
			text = "could not be tried: " + err.Error()
		}
		probes[name] = text
	}
	return probes
}

// ask opens a session of c with a server, and returns the answer to a call, or to initialize if that is not answered.
func ask(ctx context.Context, c *contestant, server http.HandlerFunc) ([]byte, error) {
	upstream := httptest.NewServer(server)
	defer upstream.Close()
	s, err := launch(ctx, c, upstream.URL+"/mcp", answerTimeout)
	if err != nil {
		return nil, err
	}
	defer s.close()
	answer, err := s.ask("initialize", initialize)
	if err != nil || !bytes.Contains(answer, []byte(`"bench"`)) {
		return answer, err
	}
	return s.ask("tools/call", `{"name":"echo","arguments":{"id":9007199254740993,"ratio":1.0}}`)
}

// probeRedirect has the endpoint point to another host, and looks whether the key goes there.
func probeRedirect(ctx context.Context, c *contestant) (string, error) {
	var leaked, visited atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visited.Store(true)
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), key) {
				leaked.Store(true)
			}
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer other.Close()
	to := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/mcp" // another host name, not only another port
	_, _ = ask(ctx, c, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) })
	switch {
	case leaked.Load():
		return "the key goes to the other host", nil
	case visited.Load():
		return "the other host is asked, without the key", nil
	}
	return "the other host is not asked", nil
}

// cutStream cuts the stream in which an answer to a call comes.
func cutStream(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || !bytes.Contains(body, []byte("tools/call")) {
		echo(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "event: message\ndata: {")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// rejectKey refuses the key.
func rejectKey(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"error":"Unauthorized","message":"Invalid API key"}`)
}

// probeNumbers sends numbers that a float64 does not hold, and looks what comes back.
func probeNumbers(ctx context.Context, c *contestant) (string, error) {
	answer, err := ask(ctx, c, echo)
	if err != nil {
		return "", err
	}
	_, args, found := strings.Cut(string(answer), `"structuredContent":`)
	args, _, _ = strings.Cut(args, "}")
	switch {
	case !found:
		return "", fmt.Errorf("echo was answered %.200s", answer)
	case args == `{"id":9007199254740993,"ratio":1.0`:
		return "they come back as they were", nil
	}
	return `{"id":9007199254740993,"ratio":1.0} comes back as ` + args + "}", nil
}

// told is what an editor has read, or that it read nothing.
func told(answer []byte, err error) (string, error) {
	switch {
	case errors.Is(err, errSlow):
		return fmt.Sprintf("no answer in %d s", int(answerTimeout.Seconds())), nil
	case err != nil:
		return "the program ends without an answer", nil //nolint:nilerr // that is what is told
	}
	text := string(bytes.TrimSpace(answer))
	for _, mark := range []string{`"instructions":"`, `"text":"`, `"message":"`} {
		if _, rest, found := strings.Cut(text, mark); found {
			text, _, _ = strings.Cut(rest, `"`)
			break
		}
	}
	return "the editor is told: " + text, nil
}
