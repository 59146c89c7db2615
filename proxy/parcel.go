package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http/httptrace"
	"sync/atomic"
)

// A parcel is the body of one POST. It knows whether any of it may have been written, which decides
// whether a call may be sent once more, and it can be recalled as long as that is not so.
//
// Its body is a plain reader of memory, since net/http writes such a one together with the headers, and any
// other in a packet of its own.
type parcel struct {
	raw   []byte
	body  atomic.Pointer[bytes.Reader] // of the latest request
	state atomic.Int32
}

const (
	atRest   = int32(iota) // nothing of it was written
	departed               // some of it may be written
	recalled               // nothing of it was or will be written
)

// newBody is the body for a request. A transport asks for another one only if nothing of the first was written,
// or if that was refused.
func (p *parcel) newBody() (io.ReadCloser, error) {
	p.state.CompareAndSwap(departed, atRest)
	body := bytes.NewReader(p.raw)
	p.body.Store(body)
	return io.NopCloser(body), nil
}

// watch is ctx for the request that the parcel goes with.
func (p *parcel) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: p.depart})
}

// depart is called by the transport's writer, between the headers and the body. A parcel that was recalled
// has no body by then: a request that is shorter than it says is never whole.
func (p *parcel) depart() {
	if !p.state.CompareAndSwap(atRest, departed) && p.state.Load() == recalled {
		p.body.Load().Reset(nil)
	}
}

// recall keeps the parcel from being written. It is too late for that if the result is false.
func (p *parcel) recall() bool {
	return p.state.CompareAndSwap(atRest, recalled) || p.state.Load() == recalled
}
