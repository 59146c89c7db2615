package streamable

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/jsonrpc"
)

// An event is one server-sent event. Source: the WHATWG HTML standard, server-sent events.
type event struct {
	id    string        // last id seen, of this event or an earlier one
	data  []byte        // in memory of its own, with room for a line break, nil if the event has none
	retry time.Duration // 0 if the event does not say
}

// events reads an event stream. Lines end in LF, CRLF or CR, as the standard wants.
type events struct {
	r      io.Reader
	held   *reservation // of the event that is read
	buf    []byte       // what is read and not yet used is in buf[from:]
	from   int
	id     string
	skipLF bool   // the last line ended in CR: an LF that follows belongs to it
	begun  bool   // the first line was read
	junk   []byte // the first line that is none of an event stream
	end    error  // of the reader; what it gave before is still used
}

// largestBuffer is how far the buffer grows. Of a line that does not fit only data is kept.
const largestBuffer = 64 << 10

func newEvents(r io.Reader, held *reservation) *events {
	return &events{r: r, held: held, buf: make([]byte, 0, 1<<10)}
}

// next returns the next event that says anything: data, an id or a retry. The data of events with another name than
// "message" is left out. At the end the error is that of the reader, io.EOF if it ended in order. An event that it cuts
// off is not one; what there was of its data comes with the error.
func (e *events) next() (event, error) {
	var (
		ev            event
		said, foreign bool
	)
	data := chunks{held: e.held} // each line with a break
	for {
		line, complete, err := e.readLine()
		if !e.begun {
			e.begun = true
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		switch blank := len(line) == 0; {
		case blank && err == nil && !said:
			foreign = false
			continue
		case blank:
			if !foreign {
				ev.data = bytes.TrimSuffix(data.bytes(), []byte{'\n'})
			}
			ev.id = e.id
			return ev, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			said = true
			err = data.write(value)
			if err == nil && !complete {
				err = e.readLong(&data)
			}
			if err == nil {
				err = data.write([]byte{'\n'})
			}
			if err != nil {
				return ev, err
			}
			continue
		case "event":
			foreign = string(value) != "message" && len(value) > 0
		case "id":
			// What cannot go into a header cannot be asked for. The standard ignores only an id with a NUL.
			if complete && !bytes.ContainsFunc(value, isControl) {
				e.id, said = string(value), true
			}
		case "retry":
			if complete && len(value) > 0 && len(bytes.Trim(value, "0123456789")) == 0 {
				ms, _ := strconv.ParseUint(string(value), 10, 31) // the largest, if it is larger
				ev.retry, said = time.Duration(ms)*time.Millisecond, true
			}
		case "": // a comment
		default:
			if e.junk == nil {
				e.junk = bytes.Clone(line)
			}
		}
		for !complete {
			_, complete, _ = e.readLine()
		}
	}
}

// readLine is the next line without its end, or the part of it that fits into the buffer, valid until the next call. The
// last line may have no end.
func (e *events) readLine() (line []byte, complete bool, err error) {
	searched := 0
	for {
		window := e.buf[e.from:]
		if e.skipLF && len(window) > 0 {
			e.skipLF = false
			if window[0] == '\n' {
				e.from++
				continue
			}
		}
		if i := jsonrpc.LineEnd(window[searched:]); i >= 0 {
			i += searched
			e.skipLF = window[i] == '\r'
			e.from += i + 1
			return window[:i], true, nil
		}
		searched = len(window)
		switch {
		case e.end != nil && len(window) == 0:
			return nil, true, e.end
		case e.end != nil || len(window) >= largestBuffer:
			e.from = len(e.buf)
			return window, e.end != nil, nil //nolint:nilerr // the line before the end counts, and the next call says the error
		}
		e.fill()
	}
}

// fill reads more after what is there, making room by moving or by doubling.
func (e *events) fill() {
	if len(e.buf) == cap(e.buf) {
		e.buf = append(e.buf[:0], e.buf[e.from:]...)
		e.buf, e.from = slices.Grow(e.buf, len(e.buf)), 0
	}
	n := e.read(e.buf[len(e.buf):cap(e.buf)])
	e.buf = e.buf[:len(e.buf)+n]
}

// readLong reads the rest of a data line, which the buffer did not hold, straight to where it is kept.
func (e *events) readLong(data *chunks) error {
	for e.end == nil {
		room := data.room(largestBuffer)
		n := e.read(room)
		i := jsonrpc.LineEnd(room[:n])
		if i >= 0 {
			e.skipLF = room[i] == '\r'
			e.buf, e.from = append(e.buf[:0], room[i+1:n]...), 0
			n = i
		}
		if err := data.advance(n); err != nil || i >= 0 {
			return err
		}
	}
	return nil
}

// read reads something, or sets e.end.
func (e *events) read(b []byte) (n int) {
	for n == 0 && e.end == nil {
		n, e.end = e.r.Read(b)
	}
	return n
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
