package streamable_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/streamable"
)

// atOnce is how many calls LeadMagic has at once.
const atOnce = 128

// holding makes the server hold calls of wait. Each message to let has it answer one.
type holding struct {
	mu        sync.Mutex
	got       []string
	now, most int
	let       chan struct{}
	never     string // the id of a call that is not answered
}

func (h *holding) post(w http.ResponseWriter, r *http.Request, m rpc) bool {
	if m.Method != "wait" {
		return false
	}
	h.mu.Lock()
	h.got = append(h.got, string(m.ID))
	h.now++
	h.most = max(h.most, h.now)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now--
	}()
	let := h.let
	if string(m.ID) == h.never {
		let = nil
	}
	select {
	case <-let:
		answer(w, m, `{}`)
	case <-r.Context().Done():
	}
	return true
}

func (h *holding) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.got...)
}

func TestRule12AtMost128CallsAreWithLeadMagic(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode string, o *fakeServer, begin func() *proxytest.Editor) {
		h := &holding{let: make(chan struct{}), never: "1000"}
		o.post = h.post
		d := begin()
		const calls = 300
		wait := func(id int) string { return asking(mode, fmt.Sprint(id), "wait", "") }
		cancel := func(id int) string {
			if mode == "stateless" {
				return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,%s}}`, id, statelessMeta)
			}
			return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id)
		}
		for id := range calls {
			d.Write(wait(1000 + id))
		}
		synctest.Wait()
		first := make(map[string]bool)
		for _, id := range h.seen() {
			first[id] = true
		}
		if len(first) != atOnce {
			t.Fatalf("LeadMagic has %d calls at once, want %d", len(first), atOnce)
		}
		for id := range atOnce {
			if !first[fmt.Sprint(1000+id)] {
				t.Errorf("call %d was overtaken", 1000+id)
			}
		}

		// The reader goes on: a notification passes, and a call that waits is cancelled before it was sent.
		d.Write(`{"jsonrpc":"2.0","method":"notifications/of/tomorrow"}`)
		d.Write(cancel(1000 + atOnce))
		synctest.Wait()
		o.last("notifications/of/tomorrow")
		if n := len(h.seen()); n != atOnce {
			t.Errorf("LeadMagic has %d calls after one that waited was cancelled", n)
		}
		// A call that LeadMagic has is cancelled: the next one that waits goes.
		d.Write(cancel(1000))
		synctest.Wait()
		if got := h.seen(); len(got) != atOnce+1 || got[atOnce] != fmt.Sprint(1000+atOnce+1) {
			t.Errorf("after a cancellation LeadMagic has got %d calls, %q being the last", len(got), got[len(got)-1])
		}
		if mode == "session" && o.count("notifications/cancelled s1") != 1 {
			t.Error("LeadMagic was not told of exactly the one cancellation that concerns it")
		}

		// Each answer makes room for one, in order.
		for i := atOnce + 2; i < calls; i++ {
			h.let <- struct{}{}
			d.Next()
			synctest.Wait()
			if got := h.seen(); len(got) != i || got[len(got)-1] != fmt.Sprint(1000+i) {
				t.Fatalf("behind answer %d LeadMagic has got %d calls, the last is %s", i, len(got), got[len(got)-1])
			}
		}
		for range atOnce {
			h.let <- struct{}{}
			d.Next()
		}
		alive(d)
		d.WantNothing()
		d.End()
		for _, id := range h.seen() {
			if id == fmt.Sprint(1000+atOnce) {
				t.Error("a call that was cancelled while it waited was sent")
			}
		}
		if h.most > atOnce+1 { // the cancelled one is listened to for a while
			t.Errorf("LeadMagic had %d calls at once", h.most)
		}
	})
}

// Subscriptions, the GET stream and initialize take nobody's place.
func TestRule12SubscriptionsAreNotCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		h := &holding{let: make(chan struct{})}
		listening := make(chan struct{}, 200)
		o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
			if m.Method == "subscriptions/listen" {
				stream(w)
				listening <- struct{}{}
				untilGone(r)
				return true
			}
			return h.post(w, r, m)
		}
		o.get = func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			untilGone(r)
		}
		d := openEditor(t, o.remote())
		for id := range 150 {
			d.Write(asking("stateless", fmt.Sprint(5000+id), "subscriptions/listen", ""))
		}
		for range 150 {
			<-listening
		}
		for id := range atOnce + 10 {
			d.Write(asking("stateless", fmt.Sprint(1000+id), "wait", ""))
		}
		synctest.Wait()
		if n := len(h.seen()); n != atOnce {
			t.Errorf("beside subscriptions LeadMagic has %d calls, want %d", n, atOnce)
		}
		d.Write(asking("stateless", "7000", "subscriptions/listen", ""))
		<-listening
		d.Write(hello) // an editor that falls back to a session
		d.Want(`"id":0`, `"protocolVersion":"2025-06-18"`)
		for range atOnce + 10 {
			h.let <- struct{}{}
			d.Next()
		}
		d.End()
	})
}

// The time that a call waits for its place is not the tool's.
func TestRule12WaitingIsNotCountedAsTheToolsTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			<-time.After(8 * time.Second) // what the tool takes
			answer(w, m, `{"content":[]}`)
		})
		d := o.open(func(r *streamable.Client) { r.ToolTimeout = 10 * time.Second })
		const calls = 3 * atOnce
		for id := range calls {
			d.Write(toolCall(1000 + id))
		}
		for range calls {
			if got := d.Next(); strings.Contains(got, "isError") {
				t.Fatalf("the editor got %s", got)
			}
		}
		d.End()
	})
}

// What still waits when the session ends is answered, and not sent.
func TestRule12WhatWaitsAtTheEndIsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		h := &holding{let: make(chan struct{})}
		o.post = h.post
		d := o.open()
		const calls = atOnce + 20
		for id := range calls {
			d.Write(asking("session", fmt.Sprint(1000+id), "wait", ""))
		}
		synctest.Wait()
		d.Close()
		for range calls {
			d.Next()
		}
		if n := len(h.seen()); n != atOnce {
			t.Errorf("LeadMagic has got %d calls, want %d", n, atOnce)
		}
		d.End()
	})
}
