package proxy

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

// A parcel is the body of one POST. It knows whether any of it may have been written, which decides
// whether a call may be sent once more, and it can be recalled as long as that is not so.
type parcel struct {
	raw   []byte
	state atomic.Int32
}

const (
	atRest   = int32(iota) // nothing was read, so nothing was written
	departed               // some of it may be written
	recalled               // nothing of it was or will be written
)

var errRecalled = errors.New("the message was recalled before it was sent")

// open is the body for a request. A transport asks for another one only if nothing of the first was written,
// or if that was refused.
func (p *parcel) open() (io.ReadCloser, error) {
	p.state.CompareAndSwap(departed, atRest)
	return &parcelReader{p, bytes.NewReader(p.raw)}, nil
}

// recall keeps the parcel from being written. It is too late for that if the result is false.
func (p *parcel) recall() bool {
	return p.state.CompareAndSwap(atRest, recalled) || p.state.Load() == recalled
}

type parcelReader struct {
	parcel *parcel
	rest   *bytes.Reader
}

func (r *parcelReader) Read(b []byte) (int, error) {
	if !r.parcel.state.CompareAndSwap(atRest, departed) && r.parcel.state.Load() == recalled {
		return 0, errRecalled
	}
	return r.rest.Read(b)
}

func (r *parcelReader) Close() error { return nil }
