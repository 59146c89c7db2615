package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// systems are those the project is built for, as .goreleaser.yaml names them.
var systems = []string{"darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64", "windows_arm64"}

func TestBundlesAndServerOfOneBuild(t *testing.T) {
	t.Chdir("../..")
	dir := fakeDist(t, "1.2.3")
	var out bytes.Buffer
	if err := run(dir, &out); err != nil {
		t.Fatal(err)
	}

	s := readServer(t, filepath.Join(dir, "server.json"))
	if got, want := s.Version, "1.2.3"; got != want {
		t.Errorf("server.json has version %q, want %q", got, want)
	}
	if got, want := len(s.Packages), len(systems); got != want {
		t.Fatalf("server.json has %d packages, want %d", got, want)
	}
	for i, system := range systems {
		name := "leadmagic-mcp-proxy_1.2.3_" + system + ".mcpb"
		bundle := read(t, filepath.Join(dir, name))
		p := s.Packages[i]
		if want := releases + "1.2.3/" + name; p.Identifier != want {
			t.Errorf("package %d is at %s, want %s", i, p.Identifier, want)
		}
		sum := sha256.Sum256(bundle)
		if want := hex.EncodeToString(sum[:]); p.FileSHA256 != want {
			t.Errorf("%s: server.json has checksum %s, want %s", name, p.FileSHA256, want)
		}
		if line := p.FileSHA256 + "  " + filepath.Join(dir, name); !strings.Contains(out.String(), line) {
			t.Errorf("output does not name %s", line)
		}
		checkBundle(t, system, bundle)
	}
	validate(t, "server.schema.json", read(t, filepath.Join(dir, "server.json")))
}

// checkBundle reads the bundle as an installer does.
func checkBundle(t *testing.T, system string, bundle []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(body)
		if executable := f.Mode()&0o111 != 0; executable != strings.HasPrefix(f.Name, "server/") {
			t.Errorf("%s: %s has mode %v", system, f.Name, f.Mode())
		}
	}
	text := []byte(files["manifest.json"])
	validate(t, "mcpb-manifest.schema.json", text)

	var m struct {
		Version string
		Server  struct {
			Type       string
			EntryPoint string `json:"entry_point"`
			Config     struct {
				Command string
				Env     map[string]string
			} `json:"mcp_config"`
		}
		Compatibility struct{ Platforms []string }
		UserConfig    map[string]struct{ Sensitive, Required bool } `json:"user_config"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if m.Version != "1.2.3" {
		t.Errorf("%s: manifest has version %q, want 1.2.3", system, m.Version)
	}
	if got, want := files[m.Server.EntryPoint], "program for "+system; got != want {
		t.Errorf("%s: entry_point %s holds %q, want %q", system, m.Server.EntryPoint, got, want)
	}
	if got, want := m.Server.Config.Command, "${__dirname}/"+m.Server.EntryPoint; got != want {
		t.Errorf("%s: command is %q, want %q", system, got, want)
	}
	if got, want := m.Server.Config.Env["LEADMAGIC_API_KEY"], "${user_config.api_key}"; got != want {
		t.Errorf("%s: the key's variable is %q, want %q", system, got, want)
	}
	if key := m.UserConfig["api_key"]; !key.Sensitive || !key.Required {
		t.Errorf("%s: api_key is %+v, want sensitive and required", system, key)
	}
	goos, _, _ := strings.Cut(system, "_")
	platform := map[string]string{"darwin": "darwin", "linux": "linux", "windows": "win32"}[goos]
	if got, want := m.Compatibility.Platforms, []string{platform}; !slices.Equal(got, want) {
		t.Errorf("%s: platforms are %v, want %v", system, got, want)
	}
	if got, want := strings.HasSuffix(m.Server.EntryPoint, ".exe"), goos == "windows"; got != want {
		t.Errorf("%s: program is %s", system, m.Server.EntryPoint)
	}
}

func TestTheSameBuildGivesTheSameBytes(t *testing.T) {
	t.Chdir("../..")
	first, second := fakeDist(t, "1.2.3"), fakeDist(t, "1.2.3")
	for _, dir := range []string{first, second} {
		if err := run(dir, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"server.json", "leadmagic-mcp-proxy_1.2.3_linux_arm64.mcpb"} {
		if !bytes.Equal(read(t, filepath.Join(first, name)), read(t, filepath.Join(second, name))) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestTheRepositorysServerJSON(t *testing.T) {
	file := "../../server.json"
	text := read(t, file)
	validate(t, "server.schema.json", text)
	s := readServer(t, file)
	if len(s.Packages) != len(systems) {
		t.Fatalf("server.json has %d packages, want %d", len(s.Packages), len(systems))
	}
	for i, p := range s.Packages {
		if want := releases + s.Version + "/leadmagic-mcp-proxy_" + s.Version + "_" + systems[i] + ".mcpb"; p.Identifier != want {
			t.Errorf("package %d is at %s, want %s", i, p.Identifier, want)
		}
		for _, v := range p.EnvironmentVariables {
			if secret := v.Name == "LEADMAGIC_API_KEY"; v.IsSecret != secret {
				t.Errorf("%s: isSecret is %t, want %t", v.Name, v.IsSecret, secret)
			}
		}
	}
	if !strings.Contains(s.Description, "nofficial") {
		t.Errorf("description %q does not say that this is unofficial", s.Description)
	}
}

// A server is what the tests read of a server.json.
type server struct {
	Description, Version string
	Packages             []struct {
		Identifier           string
		FileSHA256           string
		EnvironmentVariables []struct {
			Name     string
			IsSecret bool
		}
	}
}

func readServer(t *testing.T, file string) (s server) {
	t.Helper()
	if err := json.Unmarshal(read(t, file), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheCaskHasEachArchive(t *testing.T) {
	t.Chdir("../..")
	dir := fakeDist(t, "1.2.3")
	if err := run(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	cask := string(read(t, filepath.Join(dir, "homebrew", "Casks", "leadmagic-mcp-proxy.rb")))
	if !strings.Contains(cask, `version "1.2.3"`) || strings.Contains(cask, "[[") {
		t.Errorf("got\n%s", cask)
	}
	for _, system := range systems {
		sum := sha256.Sum256([]byte("archive for " + system))
		_, rest, found := strings.Cut(cask, hex.EncodeToString(sum[:]))
		url, _, _ := strings.Cut(rest, "end")
		if goos, _, _ := strings.Cut(system, "_"); found != (goos != "windows") || found && !strings.Contains(url, system+".tar.gz") {
			t.Errorf("the archive for %s is found %t, at %q", system, found, url)
		}
	}
}

func TestWhatIsNoBuildIsRefused(t *testing.T) {
	tests := []struct {
		name      string
		metadata  string
		artifacts string
		want      string
	}{
		{"no build at all", "", "", "metadata.json"},
		{"a build that failed before the first program", `{"version":"1.2.3"}`, `[]`, "no finished GoReleaser build"},
		{"a build without a version", `{}`, `[{"type":"Binary","path":"x"}]`, "no finished GoReleaser build"},
		{"a build without an archive", `{"version":"1.2.3"}`, `[{"type":"Binary","path":"LICENSE","goos":"linux","goarch":"amd64"}]`, "no archive for darwin_arm64"},
		{"a program that is gone", `{"version":"1.2.3"}`, `[{"type":"Binary","path":"gone","goos":"linux","goarch":"amd64"}]`, "gone"},
		{"broken JSON", `{"version":`, `[]`, "metadata.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.metadata != "" {
				write(t, filepath.Join(dir, "metadata.json"), tt.metadata)
				write(t, filepath.Join(dir, "artifacts.json"), tt.artifacts)
			}
			t.Chdir("../..")
			err := run(dir, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

func TestTheSchemasRefuse(t *testing.T) {
	tests := []struct {
		name     string
		schema   string
		instance string
	}{
		{"a server without a version", "server.schema.json", `{"name":"a.b/c","description":"x"}`},
		{"a server with too long a description", "server.schema.json", `{"name":"a.b/c","version":"1","description":"` + strings.Repeat("x", 101) + `"}`},
		{"a package without a transport", "server.schema.json", `{"name":"a.b/c","version":"1","description":"x","packages":[{"registryType":"mcpb","identifier":"x"}]}`},
		{"a manifest without a server", "mcpb-manifest.schema.json", `{"manifest_version":"0.3","name":"x","version":"1","description":"x","author":{"name":"x"}}`},
		{"a manifest with an unknown member", "mcpb-manifest.schema.json", `{"manifest_version":"0.3","name":"x","version":"1","description":"x","author":{"name":"x"},"server":{"type":"binary","entry_point":"x","mcp_config":{"command":"x"}},"more":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := check(t, tt.schema, []byte(tt.instance)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// fakeDist makes a folder as GoReleaser leaves it.
func fakeDist(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "metadata.json"), `{"project_name":"leadmagic-mcp-proxy","version":"`+version+`"}`)
	artifacts := []map[string]string{{"type": "Checksum", "name": "checksums.txt", "path": "checksums.txt"}}
	for _, system := range slices.Backward(systems) {
		goos, arch, _ := strings.Cut(system, "_")
		for kind, text := range map[string]string{"Binary": "program", "Archive": "archive"} {
			file := filepath.Join(dir, kind+"_"+system)
			write(t, file, text+" for "+system)
			artifacts = append(artifacts, map[string]string{"type": kind, "path": file, "goos": goos, "goarch": arch})
		}
	}
	text, err := json.Marshal(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "artifacts.json"), string(text))
	return dir
}

func validate(t *testing.T, schema string, instance []byte) {
	t.Helper()
	if err := check(t, schema, instance); err != nil {
		t.Errorf("against %s: %v", schema, err)
	}
}

// testdata holds the published schemas without their prose: server.json's of 2025-12-11
// by the MCP registry, the manifest's of version 0.3 by MCPB, both under the MIT licence.
//
//go:embed testdata/*.schema.json
var schemas embed.FS

// check validates instance by one of the published schemas.
func check(t *testing.T, schema string, instance []byte) error {
	t.Helper()
	text, err := schemas.ReadFile("testdata/" + schema)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(instance, &v); err != nil {
		t.Fatal(err)
	}
	return resolved.Validate(v)
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
