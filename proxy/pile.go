package proxy

import "bytes"

// A pile is the parts of something whose size is not known beforehand. Copying what is there into ever larger
// buffers would cost a large message more than all else that is done with it.
type pile struct {
	parts [][]byte
	size  int
}

// add puts part on the pile, which keeps it.
func (p *pile) add(part []byte) {
	p.parts = append(p.parts, part)
	p.size += len(part)
}

// whole is all parts and last in one, with room for a line break after them if there are several. It leaves
// the pile empty.
func (p *pile) whole(last []byte) []byte {
	if len(p.parts) == 0 {
		return last
	}
	all := bytes.Join(append(p.parts, last, []byte{'\n'}), nil)
	*p = pile{}
	return all[:len(all)-1]
}

// nextPart is an empty part to follow part, with room for at least that many bytes.
func nextPart(part []byte, least int) []byte {
	const largest = 1 << 20
	return make([]byte, 0, max(least, min(2*cap(part), largest)))
}
