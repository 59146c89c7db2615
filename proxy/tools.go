package proxy

import "sync"

// A toolset is the tools of the session's last list, so that no text speaks of a tool that is not there.
type toolset struct {
	mu    sync.Mutex
	names map[string]bool
}

// note takes note of the result of a tools/list.
func (t *toolset) note(call *Message, result []byte) {
	names := make(map[string]bool)
	for tool := range elements(find(result, "tools")) {
		name, _ := unquote(find(tool, "name"))
		names[name] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if goesOn(call) {
		for name := range t.names {
			names[name] = true
		}
	}
	t.names = names
}

func (t *toolset) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[name]
}
