package streamable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"
)

// inPieces are ways in which bytes may come: at once, one by one, and with their end.
var inPieces = [...]func(io.Reader) io.Reader{
	func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
}

var roomy = newMemory(4 << 20)

// read is all that a stream says, and the data of the event that its end cuts off.
func read(r io.Reader) (list []event, rest string, err error) {
	stream := newEvents(r, &reservation{memory: &roomy})
	for {
		ev, err := stream.next()
		if err != nil {
			return list, string(ev.data), err
		}
		list = append(list, ev)
	}
}

// readPlainly is what read should find in text: the steps of the standard, with all of the text at hand.
func readPlainly(text string) (list []event, rest string) {
	text = strings.TrimPrefix(text, "\ufeff")
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last] // behind the last line end there is no line
	}
	var data []string
	id, retry, foreign, said := "", time.Duration(0), false, false
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		digits := value != "" && strings.Trim(value, "0123456789") == ""
		switch {
		case line == "":
			if foreign {
				data = nil
			}
			ev := event{id: id, retry: retry}
			if data != nil {
				ev.data = []byte(strings.Join(data, "\n"))
			}
			if said {
				list = append(list, ev)
			}
			data, retry, foreign, said = nil, 0, false, false
		case name == "data":
			data, said = append(data, value), true
		case name == "event":
			foreign = value != "" && value != "message"
		case name == "id" && headerCarries(value):
			id, said = value, true
		case name == "retry" && digits:
			ms, _ := strconv.ParseUint(value, 10, 64)
			retry, said = time.Duration(min(ms, math.MaxInt32))*time.Millisecond, true
		}
	}
	if foreign {
		data = nil
	}
	return list, strings.Join(data, "\n")
}

func headerCarries(s string) bool {
	for _, b := range []byte(s) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// FuzzEvents compares the reader with the plain one, and with itself where the bytes come in other pieces.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "data: a\r\n\r\n", "data: a\r\rdata:b\r\r", "\ufeffdata: a\n\n", ": comment\n\n:\n\ndata: a\n\n",
		"id: 1\nretry: 10\ndata\ndata: x\n\nid\n\n", "event: ping\ndata: x\n\ndata: y\n\n", "event: message\ndata: x\nevent:\n\n",
		"data: cut", "data: cut\n", "retry: 9999999999x\n\n", "id: a\x00\ndata\n\nretry: 99999999999999999999\n\n", "data:\r\n\ndata: \r\r\n",
		"event: ping\n\ndata: y\n\n", "\n\ufeffdata: a\n\n", "data: a\n\n\ufeffdata: b\n\n", "\ufeff", "\ufeff\ufeffdata: a\n\n", "data: a\nx\n:\n\n", "event: ping\ndata: x",
	} {
		f.Add([]byte(seed))
	}
	for _, size := range []int{4<<10 - 1, 4 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10} {
		for _, end := range []string{"\n", "\r\n", "\r"} {
			long := strings.Repeat("x", size)
			f.Add([]byte("data: a" + end + end + "data: " + long + end + "data: b" + end + end + "data: " + long + end + end + "data: c" + end + end))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, wantRest := readPlainly(string(text))
		for i, pieces := range inPieces {
			got, rest, err := read(pieces(bytes.NewReader(text)))
			if !errors.Is(err, io.EOF) || rest != wantRest || !reflect.DeepEqual(got, want) {
				t.Errorf("%q, way %d: got %s, then %q and %v, want %s, then %q", proxytest.Short(string(text)), i,
					proxytest.Short(fmt.Sprint(got)), proxytest.Short(rest), err, proxytest.Short(fmt.Sprint(want)), proxytest.Short(wantRest))
			}
		}
	})
}
