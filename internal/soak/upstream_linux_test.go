package soak

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// An upstream is a sandbox in a process of its own, which things happen to. It keeps its address when it is started again.
type upstream struct {
	t       *testing.T
	random  *rand.Rand
	begun   time.Time
	scheme  string
	options sandboxOptions
	keys    int    // so far
	keyFile string // holds the present one
	caFile  string // empty without TLS
	ledger  *ledger
	counts  map[string]int // of what has happened

	cmd    *exec.Cmd // since the last start
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func startUpstream(t *testing.T, random *rand.Rand, scheme string) *upstream {
	t.Helper()
	w := &upstream{
		t: t, random: random, begun: time.Now(), scheme: scheme, options: sandboxOptions{Address: "127.0.0.1:0"},
		keyFile: filepath.Join(t.TempDir(), "key"), ledger: newLedger(), counts: make(map[string]int),
	}
	if scheme == "https" {
		w.certify()
	}
	w.rotateKey()
	w.start()
	return w
}

// certify makes a certificate for every start.
func (w *upstream) certify() {
	w.t.Helper()
	authority, err := faults.NewAuthority()
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, err := authority.Issue(faults.Leaf{})
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.options.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	w.options.PEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	w.caFile = caFile(w.t, authority)
}

// rotateKey makes a new key, as a user does, and puts it where the editors' programs look for it.
func (w *upstream) rotateKey() {
	w.t.Helper()
	w.keys++
	w.options.Key = fmt.Sprintf("%s%04d", canary, w.keys)
	fresh := w.keyFile + ".new"
	err := os.WriteFile(fresh, []byte(w.options.Key+"\n"), 0o600)
	if err == nil {
		err = os.Rename(fresh, w.keyFile)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *upstream) url() string { return w.scheme + "://" + w.options.Address }

func (w *upstream) env() []string {
	return []string{
		"LEADMAGIC_API_KEY_FILE=" + w.keyFile, "LEADMAGIC_CA_FILE=" + w.caFile,
		"LEADMAGIC_MCP_URL=" + w.url() + "/mcp", "LEADMAGIC_API_URL=" + w.url(),
	}
}

// start starts the process.
func (w *upstream) start() {
	w.t.Helper()
	options, err := json.Marshal(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cmd = exec.Command(os.Args[0]) //nolint:noctx // stop ends it
	w.cmd.Env = append(scratch(w.t.TempDir()), roleVariable+"=sandbox", optionsVariable+"="+string(options))
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // even if it is frozen when the test is interrupted
	stdout, err := w.cmd.StdoutPipe()
	if err == nil {
		w.stdin, err = w.cmd.StdinPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	process := w.cmd.Process
	w.t.Cleanup(func() { _ = process.Kill() })
	w.stdout = bufio.NewReader(stdout)
	line, err := w.stdout.ReadString('\n')
	if err != nil {
		w.t.Fatalf("starting a sandbox: %v", err)
	}
	w.options.Address = strings.TrimSpace(line)
}

// stop ends the process in order, and adds what it has carried out to the ledger.
func (w *upstream) stop() {
	w.t.Helper()
	_ = w.stdin.Close()
	text, err := io.ReadAll(w.stdout)
	var calls []faults.Call
	if err == nil {
		err = json.Unmarshal(text, &calls)
	}
	if err == nil {
		err = w.ledger.add(calls)
	}
	if err == nil {
		err = w.cmd.Wait()
	}
	if err != nil {
		w.t.Fatalf("ending a sandbox: %v", err)
	}
}

func (w *upstream) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// tell gives the sandbox a command and waits until it is carried out.
func (w *upstream) tell(command string) {
	w.t.Helper()
	_, err := io.WriteString(w.stdin, command+"\n")
	if err == nil {
		var line string
		line, err = w.stdout.ReadString('\n')
		if err == nil && line != "done\n" {
			err = errors.New(line)
		}
	}
	if err != nil {
		w.t.Fatalf("%s: %v", command, err)
	}
}

// next has one thing happen, chosen at random.
func (w *upstream) next() {
	w.t.Helper()
	switch w.random.IntN(14) {
	case 0:
		down := w.upTo(pick(300*time.Millisecond, 1500*time.Millisecond))
		w.note("restart", down)
		w.stop()
		w.wait(down)
		w.start()
	case 1, 2:
		frozen := w.upTo(pick(500*time.Millisecond, 3*time.Second))
		if *long && w.random.IntN(20) == 0 {
			frozen = 40 * time.Second // the programs find out that nobody is there
		}
		w.note("freeze", frozen)
		w.signal(syscall.SIGSTOP)
		w.wait(frozen)
		w.signal(syscall.SIGCONT)
	case 3, 4:
		w.note("lose sessions")
		w.tell("lose-sessions")
	case 5:
		w.note("lose sessions with 400")
		w.tell(`fault {"kind":"lost-session","rpc":"tools/call","status":400,"times":1}`)
	case 6:
		w.note("new key")
		w.rotateKey() // first: between the two the old one is as good
		w.tell("key " + w.options.Key)
	case 7, 8:
		w.fault("rate limit", `"kind":"status","status":429,"retry_after":"1"`)
	case 9:
		w.fault("unavailable", `"kind":"status","status":503,"carried":%t`, w.random.IntN(2) == 0)
	case 10:
		w.fault("cut before the answer", `"kind":"cut","carried":%t`, w.random.IntN(2) == 0)
	case 11:
		w.fault("cut in the answer", `"kind":"cut-stream"`)
	case 12:
		w.fault("cut in an answer that goes on", `"kind":"cut-stream","ids":true,"retry":"50ms"`)
		if again := w.random.IntN(3); again > 0 { // the resumed streams too
			w.tell(fmt.Sprintf(`fault {"method":"GET","kind":"cut-stream","ids":true,"retry":"50ms","times":%d}`, again))
		}
	case 13:
		w.fault("half an answer", `"kind":"truncate"`)
	}
}

// fault sets a fault for the next few calls of the hosted server or of the REST API.
func (w *upstream) fault(name, format string, args ...any) {
	w.t.Helper()
	what := []string{`"rpc":"tools/call"`, `"path":"/v1/people"`}[w.random.IntN(2)]
	w.note(name)
	w.tell(fmt.Sprintf(`fault {%s,"times":%d,`+format+`}`, append([]any{what, 1 + w.random.IntN(5)}, args...)...))
}

// clear removes the faults that have not happened yet.
func (w *upstream) clear() { w.tell("clear") }

func (w *upstream) note(what string, took ...time.Duration) {
	w.counts[what]++
	if len(took) > 0 {
		w.t.Logf("%7.2f s  %s, %.2f s", time.Since(w.begun).Seconds(), what, took[0].Seconds())
		return
	}
	w.t.Logf("%7.2f s  %s", time.Since(w.begun).Seconds(), what)
}

func (w *upstream) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d)))
}

// wait waits: what is tested goes on meanwhile.
func (w *upstream) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
	}
}
