package streamable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// readableDepth is how deep encoding/json reads.
const readableDepth = 10_000

func TestRule2AnAnswerThatIsTooLargeIsAFault(t *testing.T) {
	const most = 2 << 20
	for name, endless := range map[string]string{
		"a line without end":      "data: " + strings.Repeat("x", 1000),
		"an event without end":    strings.Repeat("data: "+strings.Repeat("x", 100)+"\n", 10),
		"an event of short lines": "data:\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(most)
			stream := newEvents(&repeating{text: endless}, &reservation{memory: &m, ctx: t.Context()})
			ev, err := stream.next()
			if !errors.Is(err, errTooLarge) || len(ev.data) > 0 {
				t.Errorf("got %d bytes and %v, want %v", len(ev.data), err, errTooLarge)
			}
			if cap(stream.buf) > 2*largestBuffer {
				t.Errorf("%d bytes are kept for lines", cap(stream.buf))
			}
		})
	}
	m := newMemory(most)
	body, err := new(Client).readBody(&http.Response{Body: io.NopCloser(&repeating{text: "x"}), ContentLength: -1}, &reservation{memory: &m, ctx: t.Context()})
	if !errors.Is(err, errTooLarge) || len(body) > 0 {
		t.Errorf("got a body of %d bytes and %v, want %v", len(body), err, errTooLarge)
	}
	call, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find"}}`))
	fail := incomplete(&exchange{message: call, ctx: t.Context()}, fmt.Errorf("reading: %w", errTooLarge))
	if p := fail.problem; fail.broken || p.Code != problem.BrokenAnswer || p.Outcome != problem.Unknown || !strings.Contains(p.What, "more than 256 MiB") {
		t.Errorf("got %+v, want a broken answer of unknown outcome that is not asked for again", p)
	}
}

// repeating never ends.
type repeating struct {
	text string
	at   int
}

func (r *repeating) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(b), nil
}

// Whether a call was written decides whether it may be repeated, and it is never written after that was decided.
func TestRule5AnAttemptIsWrittenOrPrevented(t *testing.T) {
	p := &attempt{raw: []byte("abc")}
	first, _ := p.newBody()
	if first, again := p.prevent(), p.prevent(); !first || !again {
		t.Error("a attempt at rest cannot be prevented")
	}
	p.write()
	if b, _ := io.ReadAll(first); len(b) > 0 {
		t.Errorf("%q of a prevented attempt was written", b)
	}
	p = &attempt{raw: []byte("abc")}
	first, _ = p.newBody()
	p.write()
	if b, err := io.ReadAll(first); string(b) != "abc" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if p.prevent() {
		t.Error("a attempt that was written was prevented")
	}
	second, _ := p.newBody() // the transport asks for it again: nothing of the first had gone
	if !p.prevent() {
		t.Error("a attempt that was given back cannot be prevented")
	}
	p.write()
	if b, _ := io.ReadAll(second); len(b) > 0 {
		t.Errorf("%q of a prevented attempt was written the second time", b)
	}
	_ = first.Close()
	_ = second.Close()
}

func BenchmarkEvents(b *testing.B) {
	small := bytes.Repeat([]byte("event: message\nid: 12\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n"), 10_000)
	large := []byte("data: " + strings.Repeat("x", 16<<20) + "\n\n")
	for name, text := range map[string][]byte{"small": small, "large": large} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				m := newMemory(maxMessage)
				stream := newEvents(bytes.NewReader(text), &reservation{memory: &m, ctx: b.Context()})
				for {
					if _, err := stream.next(); err != nil {
						break
					}
				}
			}
		})
	}
}

// FuzzWithoutClientMeta takes what is cut apart with encoding/json: nothing is there any more that does not
// travel, and all else is as it was.
func FuzzWithoutClientMeta(f *testing.F) {
	for _, params := range []string{
		`{ "_meta" : { "progressToken" : 1 , "cwd" : "/home/ada" } , "a" : 1e2 }`,
		`{"_meta":{"a":{"_meta":1},"io.mcp/b":{"cwd":[]},"c":"\"}"}}`,
		`{"\u005fmeta":{"\u0063wd":1},"_meta":{"traceparent":"x","d":2},"_meta":7}`,
		`{"_meta":{}}`, `{"_meta":[{"a":1}]}`, `[{"_meta":{"a":1}}]`, `7`,
	} {
		f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"x","params":` + params + `}`))
	}
	f.Add([]byte(`{"params":{"_meta":{"a":1}},"method":"x","params":{"_meta":{"b":1,"baggage":{}}} }`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := jsonrpc.Parse(raw)
		if err != nil || bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > readableDepth {
			return
		}
		before := bytes.Clone(raw)
		out := m.WithMeta(withoutClientMeta)
		if !bytes.Equal(m.Raw, before) {
			t.Fatalf("%q was changed to %q", before, m.Raw)
		}
		if again := out.WithMeta(withoutClientMeta); again != out {
			t.Errorf("%q is cut to %q, and that to %q", raw, out.Raw, again.Raw)
		}
		want, got := travelsPlainly(t, raw), travelsPlainly(t, out.Raw)
		if want != got {
			t.Errorf("%q is cut to %q, of which\n%s\nis left, want\n%s", raw, out.Raw, got, want)
		}
		if all := tokens(t, out.Raw); all != got {
			t.Errorf("%q is cut to %q, where more than\n%s\nis left", raw, out.Raw, got)
		}
	})
}

// tokens is the JSON text as its tokens, without blanks.
func tokens(t *testing.T, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out.String()
}

// travelsPlainly is tokens without the members of params._meta that do not travel.
func travelsPlainly(t *testing.T, text []byte) string {
	t.Helper()
	return overMembers(t, text, func(name, params []byte) []byte {
		if nameOf(t, name) != "params" {
			return params
		}
		return []byte(overMembers(t, params, func(name, meta []byte) []byte {
			if nameOf(t, name) != "_meta" {
				return meta
			}
			return []byte(overMembers(t, meta, func(name, value []byte) []byte {
				reserved := regexp.MustCompile(`(?s)^[^./]*\.(modelcontextprotocol|mcp)(\.[^/]*)?/`)
				switch name := nameOf(t, name); {
				case name == "progressToken", name == "traceparent", name == "tracestate", name == "baggage", reserved.MatchString(name):
					return value
				}
				return nil
			}))
		}))
	})
}

// overMembers is text as its tokens, with each member's value replaced, or left out if the new one is nil, if it
// is an object.
func overMembers(t *testing.T, text []byte, replaced func(name, value []byte) []byte) string {
	t.Helper()
	if text = []byte(tokens(t, text)); text[0] != '{' {
		return string(text)
	}
	var kept []string
	for rest := text[1 : len(text)-1]; len(rest) > 0; {
		d := json.NewDecoder(bytes.NewReader(rest))
		var name, value json.RawMessage
		if err := d.Decode(&name); err != nil {
			t.Fatalf("%q: %v", rest, err)
		}
		rest = rest[d.InputOffset()+1:]
		d = json.NewDecoder(bytes.NewReader(rest))
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%q: %v", rest, err)
		}
		rest = bytes.TrimPrefix(rest[d.InputOffset():], []byte(","))
		if value := replaced(name, value); value != nil {
			kept = append(kept, string(name)+":"+string(value))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func nameOf(t *testing.T, quoted []byte) (name string) {
	t.Helper()
	if err := json.Unmarshal(quoted, &name); err != nil {
		t.Fatalf("%q: %v", quoted, err)
	}
	return name
}

// How much memory a message reserves, by how large it is and whether that is known.
func TestReservations(t *testing.T) {
	const mebibyte = 1 << 20
	for _, tt := range []struct {
		most          int
		sizes         []int // as it grows
		known         bool
		medium, large int64
		err           error
	}{
		{64 * mebibyte, []int{mebibyte}, false, 0, 0, nil},
		{64 * mebibyte, []int{mebibyte + 1}, false, 16 * mebibyte, 0, nil},
		{64 * mebibyte, []int{mebibyte + 1}, true, mebibyte + 1, 0, nil},
		{64 * mebibyte, []int{16 * mebibyte}, true, 16 * mebibyte, 0, nil},
		{64 * mebibyte, []int{16*mebibyte + 1}, true, 0, 16*mebibyte + 1, nil},
		{64 * mebibyte, []int{16*mebibyte + 1}, false, 0, 64 * mebibyte, nil},
		{64 * mebibyte, []int{64 * mebibyte}, true, 0, 64 * mebibyte, nil},
		{64 * mebibyte, []int{2 * mebibyte, 3 * mebibyte}, true, 3 * mebibyte, 0, nil},
		{64 * mebibyte, []int{64*mebibyte + 1}, true, 0, 0, errTooLarge},
		{64 * mebibyte, []int{2 * mebibyte, 3 * mebibyte, 16 * mebibyte}, false, 16 * mebibyte, 0, nil},
		{64 * mebibyte, []int{2 * mebibyte, 17 * mebibyte, 64 * mebibyte}, false, 16 * mebibyte, 64 * mebibyte, nil},
		{64 * mebibyte, []int{2 * mebibyte, 17 * mebibyte, 65 * mebibyte}, false, 16 * mebibyte, 64 * mebibyte, errTooLarge},
		{4 * mebibyte, []int{2 * mebibyte}, false, 4 * mebibyte, 0, nil},
	} {
		t.Run(fmt.Sprint(tt.sizes, tt.known), func(t *testing.T) {
			m := newMemory(tt.most)
			r := reservation{memory: &m, ctx: t.Context()}
			var err error
			for _, size := range tt.sizes {
				err = r.grow(size, tt.known)
			}
			if r.medium != tt.medium || r.large != tt.large || !errors.Is(err, tt.err) {
				t.Errorf("got %d and %d bytes and %v, want %d, %d and %v", r.medium, r.large, err, tt.medium, tt.large, tt.err)
			}
			if got := r.isEmpty(); got != (tt.medium+tt.large == 0) {
				t.Errorf("it is empty: %v", got)
			}
			r.release()
			if !r.isEmpty() || !m.medium.TryAcquire(int64(tt.most)) || !m.large.TryAcquire(int64(tt.most)) {
				t.Error("some of it is still reserved")
			}
		})
	}
}

// A body whose size is known reserves that and no more.
func TestABodyOfKnownSize(t *testing.T) {
	const size = 2 << 20
	m := newMemory(maxMessage)
	r := &reservation{memory: &m, ctx: t.Context()}
	body, err := new(Client).readBody(&http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size))), ContentLength: size}, r)
	if len(body) != size || err != nil || r.medium != size || r.large != 0 {
		t.Errorf("got %d bytes and %v, and %d and %d bytes are reserved, want %d", len(body), err, r.medium, r.large, size)
	}
}

func TestChunks(t *testing.T) {
	for _, size := range []int{0, 1, 2, 1023, 4096, 70_000, 3 << 20} {
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		c := chunks{held: &reservation{memory: &roomy, ctx: t.Context()}}
		for from := 0; from < size; from += 777 {
			if err := c.write(want[from:min(from+777, size)]); err != nil {
				t.Fatal(err)
			}
		}
		if c.len() != size {
			t.Errorf("%d bytes: %d are counted", size, c.len())
		}
		got := c.bytes()
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got others", size)
		}
		if size > 0 && cap(got) == len(got) {
			t.Errorf("%d bytes: there is no room for a line break", size)
		}
		c.held.release()
	}
}

// An event of many short lines does not need several times as much as it has.
func TestAnEventOfManyShortLines(t *testing.T) {
	const most = 1 << 20
	for _, line := range []string{"data:\n", "data: x\n", "data: " + strings.Repeat("x", 100) + "\n", "data: " + strings.Repeat("x", 5000) + "\r\n"} {
		t.Run(fmt.Sprintf("%.12q", line), func(t *testing.T) {
			m := newMemory(most)
			events := newEvents(&repeating{text: strings.Repeat(line, 1+64<<10/len(line))}, &reservation{memory: &m, ctx: t.Context()})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := events.next()
			runtime.ReadMemStats(&after)
			if !errors.Is(err, errTooLarge) {
				t.Errorf("got %v, want %v", err, errTooLarge)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4*most {
				t.Errorf("%d bytes were allocated for an event of at most %d", used, most)
			}
		})
	}
}

// Who has waited for the rate limit as long as may be is not told of a wait that does not follow.
func TestRule5NobodyIsToldOfNoWait(t *testing.T) {
	c := &Client{}
	c.Start(func(m *jsonrpc.Message) { t.Errorf("the editor was told %s", m.Raw) })
	c.limit.Pause(longestPause)
	call, _ := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1}}}`))
	c.waitForLimit(c.exchange(call, 0), &retries{waited: limitFor})
}
