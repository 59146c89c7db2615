package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

func probe(ctx context.Context, c contestant) Probes {
	words := func(text string, err error) string {
		if err != nil {
			return "could not be tried: " + err.Error()
		}
		return text
	}
	return Probes{
		Redirect:    words(probeRedirect(ctx, c)),
		Cut:         words(probeCut(ctx, c)),
		RejectedKey: words(probeRejectedKey(ctx, c)),
		Numbers:     words(probeNumbers(ctx, c)),
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
func probeCut(ctx context.Context, c contestant) (string, error) {
	return told(probeCall(ctx, c, func(w http.ResponseWriter, r *http.Request) {
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
	}))
}

// probeRejectedKey refuses the key, and looks what the editor is told.
func probeRejectedKey(ctx context.Context, c contestant) (string, error) {
	endpoint, stop, err := serve(ctx, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"Unauthorized","message":"Invalid API key"}`)
	})
	if err != nil {
		return "", err
	}
	defer stop()
	e, err := launch(ctx, c, endpoint+"/mcp")
	if err != nil {
		return "", err
	}
	defer e.stop()
	return told(e.ask(ctx, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"compare","version":"1"}}`, patience))
}

// probeCall opens a session with a server, and returns what answers a call.
func probeCall(ctx context.Context, c contestant, server http.HandlerFunc) (json.RawMessage, error) {
	endpoint, stop, err := serve(ctx, "127.0.0.1:0", server)
	if err != nil {
		return nil, err
	}
	defer stop()
	e, _, err := start(ctx, c, endpoint+"/mcp")
	if err != nil {
		return nil, err
	}
	defer e.stop()
	return e.ask(ctx, "tools/call", `{"name":"echo","arguments":{"id":9007199254740993,"ratio":1.0}}`, patience)
}

// probeNumbers sends a number that a float64 does not hold, and looks what comes back.
func probeNumbers(ctx context.Context, c contestant) (string, error) {
	answer, err := probeCall(ctx, c, echo)
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
