package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"time"
)

// An event is one server-sent event. Source: the WHATWG HTML standard, server-sent events.
type event struct {
	id    string        // last id seen, of this event or an earlier one
	data  []byte        // in memory of its own with room for a line break, nil if the event has none
	retry time.Duration // 0 if the event does not say
}

// events reads an event stream. Lines end in LF, CRLF or CR, as the standard wants.
type events struct {
	r      io.Reader
	most   int    // bytes of an event, or of a line
	buf    []byte // what is read and not yet given out is in buf[from:]
	from   int
	before pile // earlier buffers, of a line that is longer than one
	own    bool // the last line was such a one, and is in memory of its own
	id     string
	skipLF bool // the last line ended in CR: an LF that follows belongs to it
	begun  bool
	end    error // of the reader; what it gave before is still given out
	size   int   // bytes of the event so far

	// held is what the event that was given out last has reserved, or the one that is being read.
	held room
	ctx  context.Context //nolint:containedctx // the life of the stream
}

// largeBuffer is how far the buffer grows. A line that does not fit is read piece by piece.
const largeBuffer = 64 << 10

// newEvents reads events of no more than most bytes from r.
func newEvents(r io.Reader, most int) *events {
	return &events{r: r, most: most, buf: make([]byte, 0, 4<<10)}
}

// next returns the next event that says anything: data, an id or a retry. The data of events with another
// name than "message" is left out. At the end the error is that of the reader, io.EOF if it ended in order. An
// event that it cuts off is not one; what there was of its data comes with the error.
func (e *events) next() (event, error) {
	e.held.release()
	e.size = 0
	var ev event
	var data chunks
	said, foreign := false, false
	for {
		line, err := e.readLine()
		if e.size += len(line) + 1; err == nil && e.size > e.most {
			err = errTooLarge
		}
		if err == nil {
			err = e.held.grow(e.ctx, int64(e.size), false)
		}
		if err != nil || len(line) == 0 {
			if ev.data = data.whole(); foreign {
				ev.data = nil
			}
		}
		if err != nil {
			return ev, err
		}
		if len(line) == 0 {
			if said {
				ev.id = e.id
				return ev, nil
			}
			e.held.release()
			foreign, data, e.size = false, chunks{}, 0
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			said = true
			data.addLine(value, e.own)
		case "event":
			foreign = string(value) != "message" && len(value) > 0
		case "id":
			// What cannot go into a header cannot be asked for. The standard ignores only an id with a NUL.
			if !bytes.ContainsFunc(value, isControl) {
				e.id, said = string(value), true
			}
		case "retry":
			if len(value) > 0 && len(bytes.Trim(value, "0123456789")) == 0 {
				ms, _ := strconv.ParseUint(string(value), 10, 31) // the largest, if it is larger
				ev.retry, said = time.Duration(ms)*time.Millisecond, true
			}
		}
	}
}

// chunks are the data of an event, collected without copying it each time it grows.
type chunks struct {
	before pile
	last   []byte // nil if there is no data yet
}

// addLine adds a line to the data. own says that its memory is not used for anything else.
func (c *chunks) addLine(line []byte, own bool) {
	switch {
	case c.last == nil && own:
		c.last = line
		return
	case c.last == nil:
		c.last = make([]byte, 0, len(line)+1)
	default:
		c.add([]byte{'\n'})
	}
	c.add(line)
}

func (c *chunks) add(b []byte) {
	for len(b) > 0 {
		if len(c.last) == cap(c.last) {
			c.before.add(c.last)
			c.last = nextPart(c.last, min(len(b), 4<<10))
		}
		n := min(len(b), cap(c.last)-len(c.last))
		c.last = append(c.last, b[:n]...)
		b = b[n:]
	}
}

// whole is all data in one, nil if there is none.
func (c *chunks) whole() []byte { return c.before.whole(c.last) }

// readLine is the next line without its end, valid until the next call. The last one may have none.
func (e *events) readLine() ([]byte, error) {
	looked := 0
	for {
		window := e.buf[e.from:]
		if e.skipLF && len(window) > 0 {
			e.skipLF = false
			if window[0] == '\n' {
				e.from++
				continue
			}
		}
		if i := lineEnd(window[looked:]); i >= 0 {
			i += looked
			e.skipLF = window[i] == '\r'
			e.from += i + 1
			return e.line(window[:i]), nil
		}
		looked = len(window)
		switch {
		case e.end == nil:
			parts := len(e.before.parts)
			if e.end = e.held.grow(e.ctx, int64(e.size+e.before.size+len(e.buf)-e.from), false); e.end != nil {
				return nil, e.end
			}
			if e.end = e.fill(); len(e.before.parts) > parts {
				looked = 0 // a new buffer was begun
			}
		case looked+e.before.size == 0:
			return nil, e.end
		default:
			e.from = len(e.buf)
			return e.line(window), nil
		}
	}
}

// line is a line that ends with last.
func (e *events) line(last []byte) []byte {
	e.own = e.before.size > 0
	if e.own {
		last = e.before.whole(last)
		rest := e.buf[e.from:]
		e.buf, e.from = append(make([]byte, 0, max(4<<10, len(rest))), rest...), 0
	}
	return e.first(last)
}

// first takes the byte order mark from the first line of all.
func (e *events) first(line []byte) []byte {
	if e.begun {
		return line
	}
	e.begun = true
	return bytes.TrimPrefix(line, byteOrderMark)
}

// fill reads more after what is there, making room by moving, by doubling, or by beginning a new buffer.
func (e *events) fill() error {
	if len(e.buf) == cap(e.buf) {
		switch {
		case e.from > 0:
			e.buf = append(e.buf[:0], e.buf[e.from:]...)
			e.from = 0
		case e.before.size+len(e.buf) >= e.most:
			return errTooLarge
		case cap(e.buf) < largeBuffer:
			e.buf = append(nextPart(e.buf, 0), e.buf...)
		default:
			e.before.add(e.buf)
			e.buf = nextPart(e.buf, 0)
		}
	}
	for {
		n, err := e.r.Read(e.buf[len(e.buf):cap(e.buf)])
		e.buf = e.buf[:len(e.buf)+n]
		if n > 0 {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		if err != nil {
			return err
		}
	}
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf < 0 {
		return bytes.IndexByte(b, '\r')
	}
	if cr := bytes.IndexByte(b[:lf], '\r'); cr >= 0 {
		return cr
	}
	return lf
}
