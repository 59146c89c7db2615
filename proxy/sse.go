package proxy

import (
	"bytes"
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
	buf    []byte // what is read and not yet given out stands in buf[from:]
	from   int
	id     string
	skipLF bool // the last line ended in CR: an LF that follows belongs to it
	begun  bool
	end    error // of the reader; what it gave before is still given out
}

// largeData is from when on an event's data is handed out in the buffer it was read into.
const largeData = 32 << 10

// newEvents reads events of no more than most bytes from r.
func newEvents(r io.Reader, most int) *events {
	return &events{r: r, most: most, buf: make([]byte, 0, 4<<10)}
}

// next returns the next event that says anything: data, an id or a retry. The data of events with another
// name than "message" is left out. At the end the error is that of the reader, io.EOF if it ended in order. An
// event that it cuts off is not one; what there was of its data comes with the error.
func (e *events) next() (event, error) {
	var ev event
	said, foreign := false, false
	for {
		line, err := e.readLine()
		if err == nil && len(ev.data) > e.most {
			err = errTooLarge
		}
		if err != nil {
			if foreign {
				ev.data = nil
			}
			return ev, err
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
	return value[:len(value):min(len(value)+1, cap(value))]
}

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
			return e.first(window[:i]), nil
		}
		looked = len(window)
		if e.end == nil {
			e.end = e.fill()
			continue
		}
		if looked == 0 {
			return nil, e.end
		}
		e.from = len(e.buf)
		return e.first(window), nil
	}
}

// first takes the byte order mark from the first line of all.
func (e *events) first(line []byte) []byte {
	if e.begun {
		return line
	}
	e.begun = true
	return bytes.TrimPrefix(line, byteOrderMark)
}

// fill reads more behind what is there, making room by moving or by doubling.
func (e *events) fill() error {
	if len(e.buf) == cap(e.buf) {
		switch {
		case e.from > 0:
			e.buf = append(e.buf[:0], e.buf[e.from:]...)
			e.from = 0
		case len(e.buf) >= e.most:
			return errTooLarge
		default:
			e.buf = doubled(e.buf, 0)
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
