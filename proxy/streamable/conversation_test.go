package streamable_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/proxy/proxytest"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestConversations plays testdata/conversation: what an editor says and gets, and what LeadMagic gets and answers, each
// compared byte for byte. Sections are played in order:
//
//	editor                  the editor says each of these lines
//	LeadMagic gets          the next request: verb, headers of the protocol, body
//	LeadMagic answers       to that, and is done
//	LeadMagic breaks off    likewise, but the connection breaks where the text ends
//	LeadMagic begins        an answer that goes on …
//	LeadMagic goes on       … with this …
//	LeadMagic ends          … and ends
//	editor gets             the next lines
//	some time passes        as long as nothing else happens
//
// Those in session begin behind the answer to initialize, with the session s1. A ␍ at the end of a line is a carriage
// return.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversation/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d conversations, %v", len(files), err)
	}
	for _, file := range files {
		name, _ := filepath.Rel("testdata/conversation", file)
		t.Run(strings.TrimSuffix(filepath.ToSlash(name), ".txtar"), func(t *testing.T) {
			script, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inBubble(t, func(t *testing.T) { play(t, script, strings.HasPrefix(name, "session")) })
		})
	}
}

// play plays a script.
func play(t *testing.T, script *txtar.Archive, session bool) {
	t.Helper()
	o := newFakeServer(t)
	asked := make(chan *exchange, 100)
	var d *proxytest.Editor
	if session {
		d = o.open()
	} else {
		d = openEditor(t, o.remote())
	}
	synctest.Wait()
	o.post = func(w http.ResponseWriter, r *http.Request, m rpc) bool {
		if m.Method == "initialize" {
			return false
		}
		return hand(asked, w, r, m.raw)
	}
	o.get = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-Id") == "" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		hand(asked, w, r, "")
	}
	var now *exchange
	for _, part := range script.Files {
		text := strings.ReplaceAll(string(part.Data), "␍\n", "\r\n")
		switch part.Name {
		case "editor":
			for line := range strings.Lines(text) {
				d.Write(strings.TrimSuffix(line, "\n"))
				synctest.Wait()
			}
		case "LeadMagic gets":
			select {
			case now = <-asked:
			case <-time.After(time.Hour): // which passes at once
				t.Fatalf("LeadMagic got nothing, want\n%s", text)
			}
			if now.request != text {
				t.Errorf("LeadMagic got\n%s\nwant\n%s", now.request, text)
			}
		case "LeadMagic answers":
			now.answer(text, len(body(text)))
		case "LeadMagic breaks off":
			now.answer(text, len(body(text))+1)
		case "LeadMagic begins":
			now.write("HTTP/1.1 " + head(text) + "\r\nConnection: close\r\n\r\n" + body(text))
		case "LeadMagic goes on":
			now.write(text)
		case "LeadMagic ends":
			now.end()
		case "editor gets":
			for line := range strings.Lines(text) {
				d.WantLine(strings.TrimSuffix(line, "\n"))
			}
		case "some time passes":
			synctest.Wait()
		default:
			t.Fatalf("no section is called %q", part.Name)
		}
	}
	synctest.Wait()
	d.WantNothing()
	select {
	case more := <-asked:
		t.Errorf("LeadMagic got, and should not have,\n%s", more.request)
		more.end()
	default:
	}
	d.End()
}

// An exchange is a request that LeadMagic has got and not fully answered.
type exchange struct {
	request string // as it stands in a script
	conn    net.Conn
	over    chan struct{}
}

// hand hands a request to the script, and waits until that has answered it.
func hand(asked chan<- *exchange, w http.ResponseWriter, r *http.Request, body string) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	e := &exchange{request: describeRequest(r, body), conn: conn, over: make(chan struct{})}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn) // who called it off has closed the connection
	}()
	asked <- e
	<-e.over
	_ = conn.Close()
	<-gone
	return true
}

// describeRequest is a request as it stands in a script.
func describeRequest(r *http.Request, body string) string {
	lines := []string{}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Mcp-") || name == "Last-Event-Id" {
			for _, value := range values {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	lines = slices.Insert(lines, 0, r.Method)
	if body != "" {
		lines = append(lines, "", body)
	}
	return strings.Join(lines, "\n") + "\n"
}

// answer writes an answer that says it has so many bytes, and ends.
func (e *exchange) answer(text string, size int) {
	e.write(fmt.Sprintf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", head(text), size, body(text)))
	e.end()
}

func (e *exchange) write(text string) { _, _ = io.WriteString(e.conn, text) }

func (e *exchange) end() { close(e.over) }

// head and body are the parts of an answer in a script.
func head(text string) string {
	head, _, _ := strings.Cut(text, "\n\n")
	return strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n")
}

func body(text string) string {
	_, body, _ := strings.Cut(text, "\n\n")
	return body
}
