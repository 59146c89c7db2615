package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// deepScan is how far into an answer that is no event stream the encoded forms of a key are looked for. What
// echoes a request is short; the tables that LeadMagic answers with are long, and waited for.
const deepScan = 1 << 20

// secrets are the forms of the keys that answers must not show. It is not changed once made.
type secrets struct {
	keys  []Key
	plain [][]byte // as they are, or as JSON and URLs write them
	all   [][]byte // and as base64 and hex
}

// A redactor takes keys out of answers. It is safe for concurrent use; the zero redactor knows no key.
type redactor struct {
	known atomic.Pointer[secrets]
}

// maxKnown is how many keys are looked for: the one in use and some before it, whose calls may be running.
const maxKnown = 4

// learn adds a key to those that are taken out.
func (r *redactor) learn(key Key) {
	for {
		old := r.known.Load()
		keys := []Key{key}
		if old != nil {
			if slices.ContainsFunc(old.keys, key.Equal) {
				return
			}
			keys = append(keys, old.keys[:min(len(old.keys), maxKnown-1)]...)
		}
		if r.known.CompareAndSwap(old, newSecrets(keys)) {
			return
		}
	}
}

func newSecrets(keys []Key) *secrets {
	s := &secrets{keys: keys}
	for _, key := range keys {
		v := key.value()
		// A word that may stand in any answer is not looked for: that would spoil what was paid for.
		if len(v) < 8 && (key.odd() || len(v) < len(Prefix)+2) {
			continue
		}
		s.plain = append(s.plain, plainForms(v)...)
		s.all = append(s.all, encodedForms(v)...)
	}
	s.plain = distinct(s.plain)
	s.all = distinct(append(s.all, s.plain...))
	return s
}

func plainForms(v string) [][]byte {
	quoted, _ := json.Marshal(v)
	inJSON := quoted[1 : len(quoted)-1]
	return [][]byte{
		[]byte(v),
		inJSON,
		bytes.ReplaceAll(inJSON, []byte("/"), []byte(`\/`)),
		[]byte(url.QueryEscape(v)),
		[]byte(url.PathEscape(v)),
	}
}

// encodedForms are v in hex, and in base64 at each of the three places that it can have in a longer text. At
// the edges base64 mixes in the neighbours' bits; those digits are not part of a form.
func encodedForms(v string) [][]byte {
	digits := hex.EncodeToString([]byte(v))
	forms := [][]byte{[]byte(digits), []byte(strings.ToUpper(digits))}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), v...))
			forms = append(forms, []byte(text[(before*8+5)/6:(before+len(v))*8/6]))
		}
	}
	return forms
}

func distinct(forms [][]byte) [][]byte {
	slices.SortFunc(forms, bytes.Compare)
	return slices.CompactFunc(forms, bytes.Equal)
}

// text is s without secrets.
func (r *redactor) text(s string) string {
	known := r.known.Load()
	if known == nil {
		return s
	}
	out, _, found := known.cut([]byte(s), true, true)
	if !found {
		return s
	}
	return string(out)
}

// failure is err without secrets. It is err itself unless its text shows one.
func (r *redactor) failure(err error) error {
	shown := err.Error()
	if clean := r.text(shown); clean != shown {
		return errors.New(clean)
	}
	return err
}

func (r *redactor) header(h http.Header) {
	for _, values := range h {
		for i, value := range values {
			values[i] = r.text(value)
		}
	}
}

// response takes secrets out of an answer: at once out of its head, and out of its body and trailers as they
// are read. ContentLength is that of the body as LeadMagic sent it, until a secret is found in there.
func (r *redactor) response(res *http.Response) {
	if known := r.known.Load(); known == nil {
		return
	}
	res.Status = r.text(res.Status)
	r.header(res.Header)
	r.header(res.Trailer)
	if res.Body == nil || res.Body == http.NoBody {
		return
	}
	res.Header.Del("Content-Length")
	res.Body = &cleanBody{
		from:     res.Body,
		redactor: r,
		response: res,
		stream:   strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream"),
	}
}

// A cleanBody is a body without secrets. It passes on at once what cannot be part of one, so no event waits.
type cleanBody struct {
	from     io.ReadCloser
	redactor *redactor
	response *http.Response
	stream   bool

	seen  int    // bytes read
	held  []byte // the end of what was read, which could begin a secret
	ready []byte // what is to be given out
	spare []byte // for reads that are smaller than what is held
	err   error  // what ended the body
}

// Read implements io.Reader. It reads into p and looks there, so that a long answer is not copied.
func (b *cleanBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(b.ready) > 0 {
			n := copy(p, b.ready)
			b.ready = b.ready[n:]
			return n, nil
		}
		if b.err != nil {
			return 0, b.err
		}
		into := p
		if len(p) <= len(b.held) {
			if len(b.spare) <= len(b.held) {
				b.spare = make([]byte, len(b.held)+4096)
			}
			into = b.spare
		}
		h := copy(into, b.held)
		n, err := b.from.Read(into[h:])
		b.seen += n
		if err != nil {
			b.end(err)
		}
		known := b.redactor.known.Load()
		out, rest, found := known.cut(into[:h+n], b.stream || b.seen <= deepScan, err != nil)
		b.held = append(b.held[:0], rest...)
		if found {
			b.response.ContentLength = -1
		}
		switch {
		case found || len(p) < len(into):
			b.ready = out
		case len(out) > 0 || n == 0 && err == nil:
			return len(out), b.err
		}
	}
}

// end notes what ended the body. Trailers come with its end.
func (b *cleanBody) end(err error) {
	b.err = err
	if !errors.Is(err, io.EOF) {
		b.err = b.redactor.failure(err)
	}
	b.redactor.header(b.response.Trailer)
}

// Close implements io.Closer.
func (b *cleanBody) Close() error { return b.from.Close() }
