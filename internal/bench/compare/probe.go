package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Probes are what becomes of a call when something goes wrong, in words.
type Probes struct {
	Redirect    string `json:"redirect"`
	Cut         string `json:"cut_stream"`
	RejectedKey string `json:"rejected_key"`
	Numbers     string `json:"numbers"`
}

// patience is how long a probe waits for an answer. What has not come then does not come: nothing is retried so long.
const patience = 15 * time.Second

func probe(ctx context.Context, c contestant, binary string) Probes {
	words := func(text string, err error) string {
		if err != nil {
			return "could not be tried: " + err.Error()
		}
		return text
	}
	return Probes{
		Redirect:    words(probeRedirect(ctx, c)),
		Cut:         words(probeCut(ctx, c, binary)),
		RejectedKey: words(probeRejectedKey(ctx, c, binary)),
		Numbers:     words(probeNumbers(ctx, c, binary)),
	}
}

// probeRedirect has the endpoint point to another host, and looks whether the key goes there.
func probeRedirect(ctx context.Context, c contestant) (string, error) {
	var leaked, visited atomic.Bool
	other, stopOther, err := serve(ctx, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		visited.Store(true)
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), key) {
				leaked.Store(true)
			}
		}
		w.WriteHeader(http.StatusTeapot)
	})
	if err != nil {
		return "", err
	}
	defer stopOther()
	endpoint, stop, err := serve(ctx, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other+"/mcp", http.StatusTemporaryRedirect)
	})
	if err != nil {
		return "", err
	}
	defer stop()
	e, err := launch(ctx, c, endpoint+"/mcp")
	if err != nil {
		return "", err
	}
	_, _ = e.ask(ctx, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"compare","version":"1"}}`, patience)
	e.stop()
	switch {
	case leaked.Load():
		return "the key goes to the other host", nil
	case visited.Load():
		return "the other host is asked, without the key", nil
	}
	return "the other host is not asked", nil
}

func serve(ctx context.Context, address string, handle http.HandlerFunc) (url string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("listening: %w", err)
	}
	s := &http.Server{Handler: handle, ReadHeaderTimeout: patience}
	go func() { _ = s.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = s.Close() }, nil
}

// probeCut cuts the stream in which an answer comes, and looks what the editor is told.
func probeCut(ctx context.Context, c contestant, binary string) (string, error) {
	s, e, err := session(ctx, c, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	defer e.stop()
	if err := s.fault(ctx, `{"rpc":"tools/call","kind":"cut-stream","bytes":20}`); err != nil {
		return "", err
	}
	return told(e.ask(ctx, "tools/call", `{"name":"find_work_email","arguments":{"full_name":"Ada Lovelace","domain":"analytical.example"}}`, patience))
}

// probeRejectedKey has LeadMagic take another key than the contestant has, and looks what the editor is told.
func probeRejectedKey(ctx context.Context, c contestant, binary string) (string, error) {
	s, err := startSandbox(ctx, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	if err := s.control(ctx, http.MethodPatch, "state", `{"key":"lm_another_0000000000000000"}`); err != nil {
		return "", err
	}
	e, err := launch(ctx, c, s.endpoint())
	if err != nil {
		return "", err
	}
	defer e.stop()
	return told(e.ask(ctx, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"compare","version":"1"}}`, patience))
}

// probeNumbers sends a number that a float64 does not hold, and looks what comes back.
func probeNumbers(ctx context.Context, c contestant, binary string) (string, error) {
	s, e, err := session(ctx, c, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	defer e.stop()
	answer, err := e.echo(ctx, `{"id":9007199254740993,"ratio":1.0}`)
	switch {
	case err != nil:
		return "", err
	case bytes.Contains(answer, []byte(`"id":9007199254740993,"ratio":1.0`)):
		return "they come back as they were", nil
	}
	var message struct {
		Result struct {
			StructuredContent json.RawMessage `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &message); err != nil {
		return "", fmt.Errorf("echo was answered %.200s: %w", answer, err)
	}
	return `{"id":9007199254740993,"ratio":1.0} comes back as ` + string(message.Result.StructuredContent), nil
}

// session is a contestant in a session with a sandbox of its own.
func session(ctx context.Context, c contestant, binary string) (*server, *editor, error) {
	s, err := startSandbox(ctx, binary)
	if err != nil {
		return nil, nil, err
	}
	e, _, err := start(ctx, c, s.endpoint())
	if err != nil {
		s.stop()
		return nil, nil, err
	}
	return s, e, nil
}

// told is what an editor has read, or that it read nothing.
func told(answer []byte, err error) (string, error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer in %d s", int(patience.Seconds())), nil
	case errors.Is(err, errEnded):
		return "the program ends without an answer", nil
	case err != nil:
		return "", err
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

// fault arms a fault of the sandbox.
func (s *server) fault(ctx context.Context, text string) error {
	return s.control(ctx, http.MethodPost, "faults", text)
}

func (s *server) control(ctx context.Context, method, path, text string) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/_sandbox/"+path, strings.NewReader(text))
	if err != nil {
		return err
	}
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		return fmt.Errorf("arming the sandbox: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing of it is read
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("arming the sandbox: HTTP %d", res.StatusCode)
	}
	return nil
}
