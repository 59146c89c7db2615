package cli

import (
	"strings"
	"testing"
)

func TestWhatScanSays(t *testing.T) {
	s := newShelf(t)
	s.put("a.env", "LEADMAGIC_API_KEY="+leakedKey+"\nLEADMAGIC_API_KEY="+leakedKey+" # leadmagic-mcp-proxy: allow\n")
	s.put("b.env", "LEADMAGIC_API_KEY="+leakedKey+" # leadmagic-mcp-proxy: allow\n")
	s.put("c.json", strings.Repeat(" ", 9<<20))
	for _, tt := range []struct {
		args, out, err string
	}{
		{"a.env", "  if it is no key, this comment in its line lets it pass: leadmagic-mcp-proxy: allow\n\n1 key found in 1 file (1 key allowed by a comment)\n", ""},
		{"b.env", "no LeadMagic key found in 1 file (1 key allowed by a comment)\n", ""},
		{".", "1 key found in 1 file (2 keys allowed by a comment, 1 file not looked at)\n", "c.json: it is larger than 8 MiB\n"},
		{"--json .", `"allowed": 2,`, "not looked at: "},
	} {
		s.run(append([]string{"scan"}, strings.Fields(tt.args)...)...)
		if out, err := s.out.String(), s.err.String(); !strings.Contains(out, tt.out) || !strings.Contains(err, tt.err) || tt.err == "" && err != "" {
			t.Errorf("%s: got\n%s%s", tt.args, out, err)
		}
	}
}
