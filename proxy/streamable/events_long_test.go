package streamable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// lineSizes are the lengths of lines at which the reader changes how it keeps them: its first buffer, its largest one, and
// more than one of those.
var lineSizes = []int{1, 4<<10 - 1, 4 << 10, 4<<10 + 1, 32 << 10, 64<<10 - 7, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 200_001}

// longStreams are event streams with lines of these sizes beside short ones, with each kind of line end.
func longStreams() map[string]string {
	streams := make(map[string]string)
	for _, size := range lineSizes {
		for name, end := range map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r"} {
			long := strings.Repeat("0123456789", size/10+1)[:size]
			lines := []string{
				"data: short", "", "data: " + long, "", "id: 1", "data: " + long, "data: behind it", "", "data: before", "data: " + long, "data: " + long, "",
				": " + long, "data: after a comment", "", "event: " + long, "data: foreign", "", long, "data: after an unknown name", "",
				"data: " + long[:len(long)/2], "", "retry: 5", "data", "", "data: " + long, "data: last", "",
			}
			streams[fmt.Sprintf("%d bytes, %s", size, name)] = strings.Join(lines, end) + end
			streams[fmt.Sprintf("%d bytes, %s, cut off", size, name)] = strings.Join(lines, end) + "data: " + long
		}
	}
	return streams
}

// boundaryReader gives bytes in pieces that end at and around the reader's own buffers, and between the CR and the LF of
// a line end.
type boundaryReader struct {
	r      *bytes.Reader
	pieces []int
	at     int
}

func (b *boundaryReader) Read(p []byte) (int, error) {
	n := b.pieces[b.at%len(b.pieces)]
	b.at++
	return b.r.Read(p[:min(n, len(p))])
}

// afterCR gives bytes up to each carriage return.
type afterCR struct{ r *bytes.Reader }

func (a afterCR) Read(p []byte) (int, error) {
	for i := range p {
		c, err := a.r.ReadByte()
		if err != nil {
			if i > 0 {
				return i, nil
			}
			return 0, err
		}
		p[i] = c
		if c == '\r' {
			return i + 1, nil
		}
	}
	return len(p), nil
}

func TestEventsOfLongLines(t *testing.T) {
	for name, text := range longStreams() {
		t.Run(name, func(t *testing.T) {
			want, wantRest := readPlainly(text)
			for how, r := range map[string]io.Reader{
				"at once":               strings.NewReader(text),
				"in pieces of 4 KiB":    &boundaryReader{bytes.NewReader([]byte(text)), []int{4 << 10}, 0},
				"around 4 KiB":          &boundaryReader{bytes.NewReader([]byte(text)), []int{4<<10 - 1, 1, 4<<10 + 1, 2}, 0},
				"around 64 KiB":         &boundaryReader{bytes.NewReader([]byte(text)), []int{64<<10 - 1, 1, 64<<10 + 1, 3}, 0},
				"split behind each CR":  afterCR{bytes.NewReader([]byte(text))},
				"in pieces of odd size": &boundaryReader{bytes.NewReader([]byte(text)), []int{8191, 1, 1, 16383}, 0},
			} {
				m := newMemory(64 << 20)
				stream := newEvents(r, &reservation{memory: &m, ctx: t.Context()})
				var got []event
				for i := 0; ; i++ {
					ev, err := stream.next()
					if err != nil {
						if !errors.Is(err, io.EOF) || string(ev.data) != wantRest {
							t.Errorf("%s: the stream ends with %v and %d bytes, want %d", how, err, len(ev.data), len(wantRest))
						}
						break
					}
					got = append(got, ev)
				}
				// Compared at the end, so that an event whose memory is written over is noticed.
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %d events, want %d, or others", how, len(got), len(want))
				}
			}
		})
	}
}
