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

// A weather is a LeadMagic to which things happen: a sandbox in a process of its own, at one address through all its lives.
type weather struct {
	t       *testing.T
	draw    *rand.Rand
	begun   time.Time
	scheme  string
	part    sandboxPart
	keys    int    // that there were
	keyFile string // where the present one stands
	caFile  string // empty without TLS
	book    *ledger
	counts  map[string]int // of what has happened
	lives   int
	balance float64 // left in all lives together

	cmd    *exec.Cmd // of the present life
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func startWeather(t *testing.T, draw *rand.Rand, scheme string) *weather {
	t.Helper()
	w := &weather{
		t: t, draw: draw, begun: time.Now(), scheme: scheme, part: sandboxPart{Address: "127.0.0.1:0"},
		keyFile: filepath.Join(t.TempDir(), "key"), book: newLedger(), counts: make(map[string]int),
	}
	if scheme == "https" {
		w.certify()
	}
	w.cutKey()
	w.rise()
	return w
}

// certify makes a certificate for all lives.
func (w *weather) certify() {
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
	w.part.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	w.part.PEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	w.caFile = caFile(w.t, authority)
}

// cutKey makes a new key, as a user does, and puts it where the editors' programs look for it.
func (w *weather) cutKey() {
	w.t.Helper()
	w.keys++
	w.part.Key = fmt.Sprintf("%s%04d", canary, w.keys)
	fresh := w.keyFile + ".new"
	err := os.WriteFile(fresh, []byte(w.part.Key+"\n"), 0o600)
	if err == nil {
		err = os.Rename(fresh, w.keyFile)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *weather) url() string { return w.scheme + "://" + w.part.Address }

func (w *weather) env() []string {
	return []string{
		"LEADMAGIC_API_KEY_FILE=" + w.keyFile, "LEADMAGIC_CA_FILE=" + w.caFile,
		"LEADMAGIC_MCP_URL=" + w.url() + "/mcp", "LEADMAGIC_API_URL=" + w.url(),
	}
}

// rise starts a life.
func (w *weather) rise() {
	w.t.Helper()
	part, err := json.Marshal(w.part)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cmd = exec.Command(os.Args[0]) //nolint:noctx // set ends it
	w.cmd.Env = append(scratch(w.t.TempDir()), roleVariable+"=sandbox", partVariable+"="+string(part))
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
	w.part.Address = strings.TrimSpace(line)
	w.lives++
}

// set ends a life in order, and enters what it has carried out into the book.
func (w *weather) set() {
	w.t.Helper()
	_ = w.stdin.Close()
	text, err := io.ReadAll(w.stdout)
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil {
		err = w.book.add(r.Calls, r.Charged)
	}
	if err == nil {
		err = w.cmd.Wait()
	}
	if err != nil {
		w.t.Fatalf("ending a sandbox: %v", err)
	}
	w.balance += r.Balance
}

func (w *weather) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// tell gives the sandbox a command and waits until it is carried out.
func (w *weather) tell(command string) {
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
