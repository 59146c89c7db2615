package keyscan

import (
	"strings"
	"testing"
	"time"
)

// A file that somebody has made for it must not hold a hook up: what it takes grows with its size, not with its square.
func TestLargeFilesTakeNoLonger(t *testing.T) {
	const size = 512 << 10
	for name, part := range map[string]string{
		"names in one line":    "x-api-key:",
		"keys in one line":     `{"LEADMAGIC_API_KEY":"8f3a77c0de"},`,
		"keys in lines":        canary + "\n",
		"wide keys":            strings.Join(strings.Split(canary+" ", ""), "\x00") + "\x00",
		"comments of YAML":     "LEADMAGIC_API_KEY:\n#\n",
		"anchors":              "LEADMAGIC_API_KEY: &a &a &a",
		"quotes":               `LEADMAGIC_API_KEY='"'"`,
		"allowed":              "lm_0123456789abcdef leadmagic-mcp-proxy: allow ",
		"empty lines of names": "leadmagic_api_key=\n\n\n",
	} {
		text := []byte(strings.Repeat(part, size/len(part)))
		began := time.Now()
		keysIn(text, inEditor)
		if took := time.Since(began); took > time.Minute { // with the square, it would be many
			t.Errorf("%s: %v", name, took)
		}
	}
}
