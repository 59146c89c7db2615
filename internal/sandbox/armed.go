package sandbox

import (
	"net/http"
	"slices"
	"sync"
)

// faults are the faults that are armed, oldest first.
type faults struct {
	mu      sync.Mutex
	armed   []*Fault
	cleared chan struct{} // closed when these are; nil before there are any
}

func (fs *faults) arm(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.cleared == nil {
		fs.cleared = make(chan struct{})
	}
	f.cleared = fs.cleared
	fs.armed = append(fs.armed, &f)
	return nil
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.cleared != nil {
		close(fs.cleared)
	}
	fs.armed, fs.cleared = nil, nil
}

// list returns the faults with what is left of Skip and Times.
func (fs *faults) list() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := make([]Fault, 0, len(fs.armed))
	for _, f := range fs.armed {
		list = append(list, *f)
	}
	return list
}

// take returns the fault that strikes a request, if any, and counts it.
func (fs *faults) take(r *http.Request, in incoming) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.armed {
		if !f.matches(r, in) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		strikes := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				fs.armed = slices.Delete(fs.armed, i, i+1)
			}
		}
		return strikes, true
	}
	return Fault{}, false
}
