package docs

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// others are programs of others that pages show, with nothing in them that this repository says elsewhere.
var others = []string{"git", "cd", "xattr", "claude", "op", "sha256sum"}

var (
	pushed   = regexp.MustCompile(`(?m)^push (\S+)`)
	identity = regexp.MustCompile(`--certificate-identity-regexp (\S+)`)
)

// published are the commands that fetch and check what is published, and what the benchmark compares with.
func published(t *testing.T) []string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root, ".ci", "push-manifests"))
	if err != nil {
		t.Fatal(err)
	}
	pushes := pushed.FindAllStringSubmatch(string(script), -1)
	if len(pushes) != 2 {
		t.Fatalf("got %q pushed, want the cask and the Scoop manifest", pushes)
	}
	tap, bucket := pushes[0][1], pushes[1][1]
	npm := "npm install --prefix /tmp/others"
	for _, c := range readBenchmark(t).Contestants {
		if c.Name != program && c.Name != "bare relay" {
			npm += " " + c.Name + "@" + c.Version
		}
	}
	return []string{
		"brew install " + strings.Replace(tap, "/homebrew-", "/", 1) + "/" + program,
		"brew uninstall " + program,
		"scoop bucket add " + program + " https://github.com/" + bucket,
		"scoop install " + program,
		"sudo apt install ./" + program + "_*.deb",
		"sudo dnf install ./" + program + "-*.rpm",
		"gh attestation verify " + program + "_*.tar.gz --repo " + program + "/" + program,
		npm,
	}
}

// cosign checks that a page asks for the identity that the release workflow signs with.
func cosign(command []string) error {
	const workflow = ".github/workflows/release.yml"
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(workflow))); err != nil {
		return err
	}
	m := identity.FindStringSubmatch(strings.Join(command, " "))
	if m == nil {
		return errors.New("cosign is asked for no identity")
	}
	asked, err := regexp.Compile(m[1])
	if err != nil {
		return err
	}
	signer := "https://github.com/" + program + "/" + program + "/" + workflow + "@refs/tags/v1.2.3"
	if !asked.MatchString(signer) || asked.MatchString(strings.Replace(signer, "release", "other", 1)) {
		return fmt.Errorf("%s is not the identity %s alone", m[1], signer)
	}
	return nil
}

// foreign checks a command that is not of the program.
func foreign(t *testing.T, own tree, s *stage, command []string) error {
	switch name := command[0]; {
	case name == "export" && len(command) > 1:
		for _, word := range command[1:] {
			m := assignment.FindStringSubmatch(word)
			if m == nil || !own.hasVariable(m[1]) {
				return fmt.Errorf("the program reads no variable as in %s", word)
			}
			if !strings.Contains(m[2], "…") {
				s.env[m[1]] = m[2]
			}
		}
		return nil
	case name == "go" && len(command) > 2 && slices.Contains([]string{"test", "install", "run"}, command[1]):
		for _, word := range command[2:] {
			if folder, ours := strings.CutPrefix(word, "./"); ours && folder != "..." {
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(strings.TrimSuffix(folder, "/...")))); err != nil {
					return err
				}
			}
		}
		return nil
	case strings.HasPrefix(name, ".ci/"):
		return script(name, command[1:])
	case name == "curl":
		return curl(s, command[1:])
	case name == "cosign":
		return cosign(command)
	case slices.Contains(others, name), slices.Contains(published(t), strings.Join(command, " ")):
		return nil
	default:
		return fmt.Errorf("no test knows the command %q: say how it is checked", command)
	}
}

var stepList = regexp.MustCompile(`(?m)^steps=\((.*)\)$`)

// script checks that a script is there, and has the steps that are named.
func script(name string, steps []string) error {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	var known []string
	if m := stepList.FindStringSubmatch(string(text)); m != nil {
		known = strings.Fields(m[1])
	}
	for _, step := range steps {
		if !slices.Contains(known, step) {
			return fmt.Errorf("%s has no step %s", name, step)
		}
	}
	return nil
}

// curl sends to the stage's sandbox what a page has curl send to one.
func curl(s *stage, args []string) error {
	method, address, body := http.MethodGet, "", ""
	for len(args) > 0 {
		switch {
		case args[0] == "-X" && len(args) > 1:
			method, args = args[1], args[2:]
		case args[0] == "-d" && len(args) > 1:
			body, args = args[1], args[2:]
		default:
			address, args = args[0], args[1:]
		}
	}
	address = port.ReplaceAllLiteralString(address, strings.TrimPrefix(s.server.URL, "http://"))
	if !strings.HasPrefix(address, s.server.URL+"/") {
		return fmt.Errorf("no test asks %s", address)
	}
	req, err := http.NewRequest(method, address, strings.NewReader(body)) //nolint:noctx // loopback, in a test
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		said, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("%s %s answers %d: %s", method, address, answer.StatusCode, said)
	}
	return nil
}
