// Package clients has real MCP clients use the real program, each as its script in testdata says: what a person would type, what
// is printed, and what of it reached LeadMagic, which is a sandbox here. It is skipped unless -path says where they are.
package clients

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/sandbox/faults"
)

// canary is the key of every script. No client may come to write it down.
const canary = "lm_canary_5f1c0e9a7b3d2468"

var (
	path  = flag.String("path", "", "the folders of the clients and the program, as in PATH")
	which = flag.String("scripts", "testdata/*.txtar", "the scripts")
)

// TestClients runs the scripts, each in a home of its own with a sandbox of its own.
//
//	carried METHOD…     since the last time, the sandbox was asked these and maybe others, each with the right key
//	! carried           since the last time, the sandbox was asked nothing
//	nokey               no file below the home has the key in it
func TestClients(t *testing.T) {
	if *path == "" {
		t.Skip("the clients come from npm: internal/conformance/run") //nolint:forbidigo // .ci/run runs one of them, .ci/nightly all
	}
	files, err := filepath.Glob(*which)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", *which, err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error {
			return setUp(env, *path+string(os.PathListSeparator)+os.Getenv("PATH"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"carried": carried,
			"nokey":   noKey,
		},
	})
}

type serverKey struct{}

func setUp(env *testscript.Env, path string) error {
	server, err := faults.Start(faults.Options{Key: canary})
	if err != nil {
		return err
	}
	env.Defer(server.Close)
	env.Values[serverKey{}] = &witness{Server: server}
	thinker := httptest.NewServer(model{})
	env.Defer(thinker.Close)
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	env.Vars = []string{
		"WORK=" + env.WorkDir, "HOME=" + home, "TMPDIR=" + env.WorkDir, "PATH=" + path, "TERM=dumb", "NO_COLOR=1",
		"KEY=" + canary, "LEADMAGIC_API_KEY=" + canary, "LEADMAGIC_MCP_URL=" + server.URL + "/mcp", "SANDBOX=" + server.URL + "/mcp",
		"NOBODY=http://127.0.0.1:1/mcp", // nothing listens there
		"MODEL=" + thinker.URL, "ANTHROPIC_BASE_URL=" + thinker.URL, "ANTHROPIC_API_KEY=sk-invented", "ENABLE_TOOL_SEARCH=false",
		"CALL=full_name=Ada+Lovelace&domain=analytical.example", // find_work_email, for a model
		"GOOGLE_GEMINI_BASE_URL=" + thinker.URL, "GEMINI_API_KEY=invented", "OPENAI_API_KEY=invented",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "GEMINI_CLI_TRUST_WORKSPACE=true",
		"OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_MODELS_FETCH=1",
	}
	return nil
}

// A witness is a sandbox of which some requests were told already.
type witness struct {
	*faults.Server
	told int
}

const withoutKey = " without the key"

// methods are what the sandbox was asked since the last time, without the streams and the ends of sessions. A request
// without the right key is told as such.
func (w *witness) methods() []string {
	var methods []string
	requests := w.Requests()
	for _, r := range requests[w.told:] {
		var message struct {
			Method string `json:"method"`
		}
		if r.Method != "POST" || json.Unmarshal(r.Body, &message) != nil {
			continue
		}
		if r.Header.Get("X-Leadmagic-Key") != canary {
			message.Method += withoutKey
		}
		methods = append(methods, message.Method)
	}
	w.told = len(requests)
	return methods
}

func carried(ts *testscript.TestScript, neg bool, want []string) {
	if neg == (len(want) > 0) {
		ts.Fatalf("usage: carried METHOD… or ! carried")
	}
	got := ts.Value(serverKey{}).(*witness).methods()
	for _, method := range want {
		if !slices.Contains(got, method) {
			ts.Fatalf("%s did not reach LeadMagic; what did: %s", method, strings.Join(got, ", "))
		}
	}
	for _, method := range got {
		if len(want) == 0 || strings.HasSuffix(method, withoutKey) {
			ts.Fatalf("LeadMagic was asked %s", method)
		}
	}
}

func noKey(ts *testscript.TestScript, _ bool, _ []string) {
	forms := [][]byte{
		[]byte(canary), []byte(hex.EncodeToString([]byte(canary))),
		[]byte(base64.StdEncoding.EncodeToString([]byte(canary))), []byte(base64.RawStdEncoding.EncodeToString([]byte(canary))),
	}
	files := 0
	ts.Check(fs.WalkDir(os.DirFS(ts.Getenv("WORK")), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(filepath.Join(ts.Getenv("WORK"), name))
		for _, form := range forms {
			if bytes.Contains(content, form) {
				ts.Fatalf("the key is in %s", name)
			}
		}
		return err
	}))
	if files == 0 {
		ts.Fatalf("there is no file to look at")
	}
}
