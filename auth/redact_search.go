package auth

import "bytes"

// cut replaces what is secret in data. The rest, at its end, could begin a secret: it is to be looked at again
// with what follows, unless data is the last. Where nothing is secret, out is part of data.
func (s *secrets) cut(data []byte, deep, last bool) (out, rest []byte, found bool) {
	forms := s.plain
	if deep {
		forms = s.all
	}
	next := make([]int, len(forms)) // where each form is found next
	for i := range next {
		next[i] = -1
	}
	usual := sample(data)
	for pos := 0; ; {
		hold := len(data)
		if !last {
			hold -= begun(data[pos:], forms)
		}
		at, size := hold, 0
		for i, form := range forms {
			if next[i] < pos {
				next[i] = len(data)
				if j := usual.index(data[pos:], form); j >= 0 {
					next[i] = pos + j
				}
			}
			if next[i] < at || next[i] == at && size > 0 && len(form) > size {
				at, size = next[i], len(form)
			}
		}
		switch {
		case size > 0:
			out = append(append(out, data[pos:at]...), Redacted...)
			pos, found = at+size, true
		case found:
			return append(out, data[pos:hold]...), data[hold:], true
		default:
			return data[:hold], data[hold:], false
		}
	}
}

// begun is how many bytes at the end of data could be the beginning of a form.
func begun(data []byte, forms [][]byte) int {
	longest := 0
	for _, form := range forms {
		for n := min(len(form)-1, len(data)); n > longest; n-- {
			if bytes.HasSuffix(data, form[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// samples is how many bytes of a text are looked at to know which are rare in it.
const samples = 512

// frequency is how often each byte stands in a sample of a text.
type frequency [256]uint16

// sample is nil for a text so short that it does not matter.
func sample(data []byte) *frequency {
	if len(data) < 8*samples {
		return nil
	}
	var f frequency
	for i := 0; i < len(data); i += len(data) / samples {
		f[data[i]]++
	}
	return &f
}

// index is bytes.Index, which stops at each byte that a form begins with. A form is looked for from the byte in
// its first half that is rarest in the text: that is several times as fast where the first is a common letter.
func (f *frequency) index(data, form []byte) int {
	rare := 0
	if f != nil {
		for i := range form[:(len(form)+1)/2] {
			if f[form[i]] < f[form[rare]] {
				rare = i
			}
		}
	}
	for from := rare; from < len(data); {
		i := bytes.Index(data[from:], form[rare:])
		if i < 0 {
			return -1
		}
		if at := from + i - rare; bytes.HasPrefix(data[at:], form) {
			return at
		}
		from += i + 1
	}
	return -1
}
