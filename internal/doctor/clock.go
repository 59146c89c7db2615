package doctor

import "time"

// The difference between two clocks that is worth a word, and one that breaks what depends on them.
const (
	noticeable = time.Minute
	harmful    = time.Hour
)

// clock compares this machine's clock with that of the first host that has shown its own.
func clock(n *notes, reached []*reach) {
	const name, hint = "clock", "set the clock of this machine: certificates are judged by it"
	for _, r := range reached {
		if !r.dated {
			continue
		}
		off := r.skew.Abs().Round(time.Second).String()
		detail := "this machine's clock is " + off + " behind that of " + r.url.Host
		if r.skew > 0 {
			detail = "this machine's clock is " + off + " ahead of that of " + r.url.Host
		}
		switch {
		case r.skew.Abs() >= harmful:
			n.fail(name, detail, hint)
		case r.skew.Abs() >= noticeable:
			n.warn(name, detail, hint)
		default:
			n.ok(name, "as that of %s", r.url.Host)
		}
		return
	}
	n.skip("no host has shown its clock", name)
}
