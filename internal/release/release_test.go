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
	if err := run(dir, licenses(t), &out); err != nil {
		t.Fatal(err)
	}

	s := readServer(t, filepath.Join(dir, "server.json"))
	if got, want := s.Version, "1.2.3"; got != want {
		t.Errorf("server.json has version %q, want %q", got, want)
	}
	bundles := slices.DeleteFunc(s.Packages, func(p serverPackage) bool { return p.RegistryType != "mcpb" })
	if got, want := len(bundles), len(systems); got != want {
		t.Fatalf("server.json has %d bundles, want %d", got, want)
	}
	sums := "0000  archive.tar.gz\n"
	for i, system := range systems {
		name := "leadmagic-mcp-proxy_1.2.3_" + system + ".mcpb"
		p := bundles[i]
		if want := releases + "1.2.3/" + name; p.Identifier != want {
			t.Errorf("bundle %d is at %s, want %s", i, p.Identifier, want)
		}
		if want := sumOf(t, filepath.Join(dir, name)); p.FileSHA256 != want {
			t.Errorf("%s: server.json has checksum %s, want %s", name, p.FileSHA256, want)
		}
		sums += p.FileSHA256 + "  " + name + "\n"
		checkBundle(t, system, read(t, filepath.Join(dir, name)))
	}
	sums += sumOf(t, filepath.Join(dir, "server.json")) + "  server.json\n"
	if got := string(read(t, filepath.Join(dir, "checksums.txt"))); got != sums || !strings.HasSuffix(got, out.String()) {
		t.Errorf("checksums.txt is\n%s\nand what was printed\n%s\nwant\n%s", got, out.String(), sums)
	}
	validate(t, "server.schema.json", read(t, filepath.Join(dir, "server.json")))

	if err := run(dir, licenses(t), io.Discard); err != nil { // after a run that failed later on
		t.Fatal(err)
	}
	if got := string(read(t, filepath.Join(dir, "checksums.txt"))); got != sums {
		t.Errorf("after a second run, checksums.txt is\n%s\nwant\n%s", got, sums)
	}
}

func sumOf(t *testing.T, file string) string {
	t.Helper()
	sum := sha256.Sum256(read(t, file))
	return hex.EncodeToString(sum[:])
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
	if files["LICENSE"] != "ours" || files["THIRD-PARTY-LICENSES"] != "theirs" {
		t.Errorf("%s: the licences are missing", system)
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
		if err := run(dir, licenses(t), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"server.json", "leadmagic-mcp-proxy_1.2.3_linux_arm64.mcpb", "npm/leadmagic-mcp-proxy-1.2.3.tgz", "npm/leadmagic-mcp-proxy-linux-x64-1.2.3.tgz"} {
		if !bytes.Equal(read(t, filepath.Join(first, name)), read(t, filepath.Join(second, name))) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestTheRepositorysServerJSON(t *testing.T) {
	file := "../../server.json"
	validate(t, "server.schema.json", read(t, file))
	s := readServer(t, file)
	for _, p := range s.Packages {
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

// VS Code installs the package of the type that comes first, and starts what it has no word for by the type's own name.
func TestWhatVSCodeMakesOfServerJSON(t *testing.T) {
	t.Chdir("../..")
	dir := fakeDist(t, "1.2.3")
	if err := run(dir, licenses(t), io.Discard); err != nil {
		t.Fatal(err)
	}
	s := readServer(t, filepath.Join(dir, "server.json"))
	for i, want := range []string{
		"docker run -i --rm -e LEADMAGIC_API_KEY ghcr.io/leadmagic-mcp-proxy/leadmagic-mcp-proxy:1.2.3",
		"npx -y leadmagic-mcp-proxy@1.2.3",
	} {
		if got := strings.Join(inVSCode(s.Packages[i]), " "); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// It asks for what has no value, and hides what is secret.
		if v := s.Packages[i].EnvironmentVariables; len(v) != 1 || v[0].Value != "" || v[0].Description == "" || !v[0].IsSecret {
			t.Errorf("package %d asks for %+v", i, v)
		}
	}
	for _, p := range s.Packages[2:] {
		if p.RegistryType != "mcpb" {
			t.Errorf("after image and npm comes %s", p.RegistryType)
		}
	}
}

// inVSCode is the command that VS Code 1.139 (mcpManagementService.ts) makes of a package.
func inVSCode(p serverPackage) []string {
	command := map[string][]string{"oci": {"docker", "run", "-i", "--rm"}, "npm": {"npx"}}[p.RegistryType]
	if command == nil {
		return []string{p.RegistryType}
	}
	for _, a := range p.RuntimeArguments {
		command = append(command, a.Value)
	}
	separator := "@"
	if p.RegistryType == "oci" {
		separator = ":"
		for _, v := range p.EnvironmentVariables {
			command = append(command, "-e", v.Name)
		}
	}
	if p.Version != "" {
		p.Identifier += separator + p.Version
	}
	return append(command, p.Identifier)
}

// A server is what the tests read of a server.json.
type server struct {
	Description, Version string
	Packages             []serverPackage
}

type serverPackage struct {
	RegistryType, Identifier, Version, FileSHA256 string
	RuntimeArguments                              []struct{ Type, Value string }
	EnvironmentVariables                          []struct {
		Name, Description, Value string
		IsSecret                 bool
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
	if err := run(dir, licenses(t), io.Discard); err != nil {
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
				put(t, filepath.Join(dir, "metadata.json"), tt.metadata)
				put(t, filepath.Join(dir, "artifacts.json"), tt.artifacts)
			}
			t.Chdir("../..")
			err := run(dir, licenses(t), io.Discard)
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
	put(t, filepath.Join(dir, "checksums.txt"), "0000  archive.tar.gz\n")
	put(t, filepath.Join(dir, "metadata.json"), `{"project_name":"leadmagic-mcp-proxy","version":"`+version+`"}`)
	artifacts := []map[string]string{{"type": "Checksum", "name": "checksums.txt", "path": "checksums.txt"}}
	for _, system := range slices.Backward(systems) {
		goos, arch, _ := strings.Cut(system, "_")
		for kind, text := range map[string]string{"Binary": "program", "Archive": "archive"} {
			file := filepath.Join(dir, kind+"_"+system)
			put(t, file, text+" for "+system)
			artifacts = append(artifacts, map[string]string{"type": kind, "path": file, "goos": goos, "goarch": arch})
		}
	}
	text, err := json.Marshal(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "artifacts.json"), string(text))
	return dir
}

// licenses makes what .ci/generate writes of licences.
func licenses(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "LICENSE"), "ours")
	put(t, filepath.Join(dir, "THIRD-PARTY-LICENSES"), "theirs")
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

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
