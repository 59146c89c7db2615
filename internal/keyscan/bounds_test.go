package keyscan

import (
	"strings"
	"testing"
)

// What a file takes grows with its size, not with its square: somebody may have made it to hold a hook up.
func BenchmarkLargeFiles(b *testing.B) {
	const size = 256 << 10
	for name, part := range map[string]string{
		"names in one line": "x-api-key:$",
		"keys in one line":  `{"LEADMAGIC_API_KEY":"8f3a77c0de"},`,
		"keys in lines":     canary + "\n",
		"wide keys":         strings.Join(strings.Split(canary+" ", ""), "\x00") + "\x00",
		"comments of YAML":  "LEADMAGIC_API_KEY:\n#\n",
		"allowed":           canary + " " + Allow + " ",
	} {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			text := []byte(strings.Repeat(part, size/len(part)))
			b.SetBytes(size)
			for b.Loop() {
				keysIn(text, inEditor)
			}
		})
	}
}

func TestAValueIsNearItsName(t *testing.T) {
	for blanks, want := range map[int]int{10: 1, farthest: 0} {
		if got := hits([]byte("LEADMAGIC_API_KEY:"+strings.Repeat(" ", blanks)+"8f3a77"), inEditor); len(got) != want {
			t.Errorf("behind %d blanks: got %v", blanks, got)
		}
	}
	text := "LEADMAGIC_API_KEY:" + strings.Repeat(" ", farthest-20) + "8f3a-" + canary
	if got := hits([]byte(text), inEditor); len(got) != 1 || text[got[0].from:got[0].to] != "8f3a-"+canary {
		t.Errorf("a key that is partly near: got %v", got)
	}
}
