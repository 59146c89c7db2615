package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// relay is the least that can stand between an editor and an endpoint: a line is posted, and the answer is a line. It
// checks nothing, mends nothing and would lose a session; it is here as the limit of what a proxy can reach.
func relay(in io.Reader, out io.Writer, endpoint, key string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	lines := bufio.NewReaderSize(in, 1<<20)
	var (
		mu      sync.Mutex // guards out and session
		session string
		calls   sync.WaitGroup
	)
	defer calls.Wait()
	post := func(line []byte) error {
		req, err := http.NewRequest(http.MethodPost, endpoint, bytes.NewReader(line)) //nolint:noctx // it ends with the process
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("X-Leadmagic-Key", key)
		mu.Lock()
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		mu.Unlock()
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close() //nolint:errcheck // it was read as far as it goes
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if id := res.Header.Get("Mcp-Session-Id"); id != "" {
			session = id
		}
		for part := range bytes.SplitSeq(body, []byte("\n")) {
			if data, ok := bytes.CutPrefix(part, []byte("data: ")); ok {
				if _, err := out.Write(append(data, '\n')); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil // the editor is done
		}
		mu.Lock()
		begins := session == ""
		mu.Unlock()
		if begins {
			if err := post(line); err != nil {
				return err
			}
			continue
		}
		calls.Go(func() { _ = post(line) })
	}
}
