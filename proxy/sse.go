package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// maxAnswer is how much of one message LeadMagic may send before it is taken for a fault. It keeps a
// stream that never ends a line from filling the memory.
const maxAnswer = 256 << 20

var errTooLarge = fmt.Errorf("a message of more than %d MiB", maxAnswer>>20)

// An event is one server-sent event. Source: the WHATWG HTML standard, server-sent events.
type event struct {
	id    string        // last id seen, of this event or an earlier one
	data  []byte        // in memory of its own with room for a line break, nil if the event has none
	retry time.Duration // 0 if the event does not say
}

// events reads an event stream. Lines end in LF, CRLF or CR, as the standard wants.
type events struct {
	r      io.Reader
	buf    []byte // what is read and not yet given out stands in buf[from:]
	from   int
	id     string
	skipLF bool // the last line ended in CR: an LF that follows belongs to it
	begun  bool
}

// largeData is from when on an event's data is handed out in the buffer it was read into.
const largeData = 32 << 10

func newEvents(r io.Reader) *events {
	return &events{r: r, buf: make([]byte, 0, 4<<10)}
}

// next returns the next event that says anything: data, an id or a retry. The data of events with another
// name than "message" is left out. An event that the end of the stream cuts off is not one. At the end the error is that of the reader, io.EOF if it ended in order.
func (e *events) next() (event, error) {
	var ev event
	said, foreign := false, false
	for {
		line, err := e.readLine()
		if err != nil {
			return event{}, err
		}
		if len(line) == 0 {
			if foreign {
				ev.data = nil
			}
			if said {
				ev.id = e.id
				return ev, nil
			}
			foreign = false
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			said = true
			ev.data = e.appendData(ev.data, value)
		case "event":
			foreign = string(value) != "message" && len(value) > 0
		case "id":
			if bytes.IndexByte(value, 0) < 0 {
				e.id, said = string(value), true
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				ev.retry, said = time.Duration(ms)*time.Millisecond, true
			}
		}
	}
}

// appendData adds a line to the data of an event. A large first line is not copied: it takes the buffer
// with it, and the reader goes on in a new one.
func (e *events) appendData(data, value []byte) []byte {
	switch {
	case data != nil:
		return append(append(data, '\n'), value...)
	case len(value) < largeData:
		return append(make([]byte, 0, len(value)+1), value...)
	}
	rest := e.buf[e.from:]
	e.buf = append(make([]byte, 0, max(4<<10, len(rest))), rest...)
	e.from = 0
	return value[: len(value) : len(value)+1]
}

// readLine is the next complete line without its end, valid until the next call.
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
			if !e.begun {
				e.begun = true
				return bytes.TrimPrefix(window[:i], []byte("\xef\xbb\xbf")), nil
			}
			return window[:i], nil
		}
		looked = len(window)
		if err := e.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind what is there, making room by moving or by doubling.
func (e *events) fill() error {
	if len(e.buf) == cap(e.buf) {
		switch {
		case e.from > 0:
			e.buf = append(e.buf[:0], e.buf[e.from:]...)
			e.from = 0
		case len(e.buf) > maxAnswer:
			return errTooLarge
		default:
			e.buf = append(make([]byte, 0, 2*cap(e.buf)), e.buf...)
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
