package proxy

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// inPieces are ways in which bytes may come: at once, one by one, and with their end.
var inPieces = [...]func(io.Reader) io.Reader{
	func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
}

// FuzzFraming holds the framing against its rule: what stands between line breaks is a line, whatever it is.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{"", "\n", "a", "a\nb\n", "\r\n\n\x00\xff", "{}\n{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := bytes.Split(in, []byte("\n"))
		if last := len(want) - 1; len(want[last]) == 0 {
			want = want[:last] // behind the last line break there is no line
		}
		for way, pieces := range inPieces {
			var out bytes.Buffer
			s := NewStdio(pieces(bytes.NewReader(in)), &out)
			var got [][]byte
			for {
				line, err := s.ReadLine()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, line)
			}
			if len(got) != len(want) {
				t.Fatalf("%q, way %d: got %d lines, want %d", in, way, len(got), len(want))
			}
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%q, way %d: line %d is %q, want %q", in, way, i, got[i], want[i])
				}
			}
			// All lines were read before the first is written: none stands in the memory of another.
			for _, line := range got {
				if err := s.WriteLine(line); err != nil {
					t.Fatal(err)
				}
			}
			if all := bytes.Join(append(want, nil), []byte("\n")); !bytes.Equal(out.Bytes(), all) {
				t.Errorf("%q, way %d: wrote %q, want %q", in, way, out.Bytes(), all)
			}
		}
	})
}
