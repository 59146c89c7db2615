package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxTapes bounds the recordings kept for callers that may come back for them.
const maxTapes = 64

// reelPrefix starts the event ids of recordings.
const reelPrefix = "tape-"

// reel is a recorded answer that is cut while it is shown. Its events are numbered from 1; 0 is the priming event.
type reel struct {
	id    string
	tape  *tape
	fault Fault
	stop  context.CancelFunc // ends what is still recorded

	mu   sync.Mutex
	cuts int // left
}

// tapes are the reels that can be resumed, by their id.
type tapes struct {
	mu    sync.Mutex
	count int
	reels map[string]*reel
	order []string
}

func (ts *tapes) add(rl *reel) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.reels == nil {
		ts.reels = map[string]*reel{}
	}
	ts.count++
	rl.id = reelPrefix + strconv.Itoa(ts.count)
	ts.reels[rl.id] = rl
	ts.order = append(ts.order, rl.id)
	if len(ts.order) > maxTapes {
		ts.reels[ts.order[0]].stop()
		delete(ts.reels, ts.order[0])
		ts.order = ts.order[1:]
	}
}

// remove forgets a reel that was shown whole.
func (ts *tapes) remove(rl *reel, whole bool) {
	if !whole {
		return
	}
	rl.stop()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.reels, rl.id)
	ts.order = slices.DeleteFunc(ts.order, func(id string) bool { return id == rl.id })
}

func (ts *tapes) get(id string) *reel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.reels[id]
}

// cutStream carries the request out and shows its answer up to the cut. With ids, what is carried out outlives the cut, and
// resume shows the rest; without, it is withdrawn, as when a server loses its connection.
func (s *Sandbox) cutStream(w http.ResponseWriter, r *http.Request, in incoming, f Fault) {
	ctx := r.Context()
	if f.IDs {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, stop := context.WithCancel(ctx)
	rl := &reel{fault: f, cuts: max(1, f.Cuts), stop: stop, tape: s.play(ctx, r, in)}
	if f.IDs {
		s.tapes.add(rl)
	} else {
		defer func() { // also when the cut panics: the caller may be back before the SDK has let go of its stream
			stop()
			<-rl.tape.ended
		}()
	}
	s.tapes.remove(rl, rl.show(w, r, 0))
}

// resume shows the rest of a reel to a GET whose Last-Event-ID names one; other requests are none of its business.
func (s *Sandbox) resume(w http.ResponseWriter, r *http.Request) bool {
	last := r.Header.Get("Last-Event-ID")
	if r.Method != http.MethodGet || !strings.HasPrefix(last, reelPrefix) {
		return false
	}
	if !s.admitMCP(w, r) {
		return true
	}
	id, number, _ := strings.Cut(last, "_")
	shown, err := strconv.Atoi(number)
	rl := s.tapes.get(id)
	if err != nil || shown < 0 || rl == nil {
		http.Error(w, "no such event", http.StatusBadRequest)
		return true
	}
	s.tapes.remove(rl, rl.show(w, r, shown))
	return true
}

// show writes the events after number shown, and cuts while there are cuts left. It reports whether the answer was shown to
// its end.
func (rl *reel) show(w http.ResponseWriter, r *http.Request, shown int) (whole bool) {
	ctx := r.Context()
	f := rl.fault
	rl.mu.Lock()
	cutting := rl.cuts > 0
	rl.mu.Unlock()
	status, ok := rl.tape.head(ctx, w)
	if !ok {
		rl.cut(r)
		return false
	}
	w.WriteHeader(status)
	out := http.NewResponseController(w)
	write := func(text string) {
		writeStrings(w, text)
		_ = out.Flush() // the peer may be gone
	}
	if f.After > 0 && cutting {
		write("") // it is the headers that the time counts from
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.After)
		defer cancel()
	}
	stream := rl.tape.isStream()
	if f.IDs && stream && shown == 0 {
		write(rl.prime())
	} else if f.Retry > 0 && stream {
		write(rl.retry() + "\n")
	}
	if cutting && f.Bytes < 0 && f.Events == 0 && f.After == 0 {
		write("")
		rl.cut(r)
		return false
	}
	number, passed, cut := 0, 0, false
	complete := rl.tape.blocks(ctx, func(block []byte) bool {
		text := string(block)
		if payload, _ := payloadOf(block); payload != nil || !stream {
			if number++; number <= shown {
				return true
			}
			if f.IDs && stream {
				text = fmt.Sprintf("id: %s_%d\n%s", rl.id, number, text)
			}
			if cutting && passed == f.Events {
				write(text[:partOf(len(text), f.Bytes)])
				cut = true
				return false
			}
			passed++
		} else if shown > 0 {
			return true // a comment that was shown before
		}
		write(text)
		cut = cutting && passed == f.Events && f.Bytes < 0 && f.After == 0
		return !cut
	})
	if cut || !complete {
		rl.cut(r)
		return false
	}
	return true
}

// cut ends the response, in order or not, when it is the sandbox that ends it.
func (rl *reel) cut(r *http.Request) {
	if r.Context().Err() != nil {
		return
	}
	rl.mu.Lock()
	rl.cuts--
	rl.mu.Unlock()
	if !rl.fault.Clean {
		panic(http.ErrAbortHandler)
	}
}

// prime is the event that gives a stream an id before it has anything to say.
func (rl *reel) prime() string {
	return fmt.Sprintf("id: %s_0\n%sdata: \n\n", rl.id, rl.retry())
}

func (rl *reel) retry() string {
	if rl.fault.Retry <= 0 {
		return ""
	}
	return "retry: " + strconv.FormatInt(max(1, int64(rl.fault.Retry/time.Millisecond)), 10) + "\n"
}

// partOf is how many of size bytes get through: half of them, unless part says how many.
func partOf(size, part int) int {
	switch {
	case part < 0:
		return 0
	case part == 0:
		return size / 2
	}
	return min(part, size)
}
