package streamable_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Escapes in JSON strings are checked to the last digit, in what the editor says and in what LeadMagic answers.
func TestEscapesAreCheckedToTheLastDigit(t *testing.T) {
	good := []string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0000`, `\u00e9`, `\uABCD`, `\uabcd`, `\ud83d\ude00`, `\ud83d`, `\u0041\u0042`}
	bad := []string{`\`, `\a`, `\x41`, `\0`, `\'`, `\U0041`, `\u`, `\u0`, `\u00`, `\u004`, `\ug041`, `\u0g41`, `\u00g1`, `\u004g`, `\u004/`, `\u004:`, `\u004@`, `\u004G`, `\u004` + "`", `\u004 `, `\u-041`, `\u{41}`}
	inBubble(t, func(t *testing.T) {
		o := newFakeServer(t)
		var text string
		o.on("tools/call", func(w http.ResponseWriter, _ *http.Request, m rpc) {
			answer(w, m, `{"a":"`+text+`"}`)
		})
		d := o.open()
		lengths := []string{"", "1234567", "12345678", strings.Repeat("x", 100)}
		for _, before := range lengths {
			for _, after := range lengths {
				for _, escape := range append(append([]string(nil), good...), bad...) {
					text = "ok"
					ok := strings.HasPrefix(escape, `\u004`) && len(escape) == 6 && isHex(escape[5])
					for _, g := range good {
						ok = ok || g == escape
					}
					line := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":"%s%s%s"}}`, before, escape, after)
					if escape == `\` && after != "" {
						continue // it escapes what follows
					}
					if strings.HasPrefix(escape, `\u`) && len(escape) < 6 && after != "" {
						continue // its digits may follow
					}
					d.Write(line)
					if got := d.Next(); (got == notJSON) == ok {
						t.Errorf("%s is answered %s", line, got)
					}
					text = before + escape + after
					d.Write(toolCall(2))
					got := d.Next()
					if want := `{"jsonrpc":"2.0","id":2,"result":{"a":"` + text + `"}}`; ok && got != want {
						t.Errorf("the editor got %s, want %s", got, want)
					}
					if !ok && (!strings.Contains(got, "answer is broken") || !strings.Contains(got, isUnknown)) {
						t.Errorf("%s from LeadMagic is given to the editor as %s", text, got)
					}
				}
			}
		}
		d.End()
	})
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
