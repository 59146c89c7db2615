package docs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// others are programs of others that pages show.
var others = []string{"git", "cd", "xattr", "claude", "op", "sha256sum", "brew", "scoop", "sudo", "gh", "npm"}

var (
	identity = regexp.MustCompile(`--certificate-identity-regexp (\S+)`)
	ours     = regexp.MustCompile(program + `/[a-z-]+`)
)

// repositories are those of ours that a command may name: the module's, and those that a release pushes to.
func repositories(t *testing.T) []string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root, ".ci", "push-manifests"))
	if err != nil {
		t.Fatal(err)
	}
	all := []string{program + "/" + program, program + "/tap"} // Homebrew leaves homebrew- out
	for _, m := range regexp.MustCompile(`(?m)^push (\S+)`).FindAllStringSubmatch(string(script), -1) {
		all = append(all, m[1])
	}
	return all
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
func foreign(t *testing.T, s *stage, command []string) error {
	switch name := command[0]; {
	case name == "export" && len(command) > 1:
		for _, word := range command[1:] {
			m := assignment.FindStringSubmatch(word)
			if m == nil || !hasVariable(m[1]) {
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
	case name == "cosign":
		return cosign(command)
	case slices.Contains(others, name):
		for _, repository := range ours.FindAllString(strings.Join(command, " "), -1) {
			if !slices.Contains(repositories(t), repository) {
				return fmt.Errorf("there is no repository %s", repository)
			}
		}
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
