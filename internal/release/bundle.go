package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"text/template"
	"time"
)

// manifest is written for manifest_version 0.3 of MCPB. The key is asked for by Claude
// Desktop, which keeps what is marked sensitive in the system's keychain, and reaches
// the program as a variable: it is in no file.
//
//go:embed manifest.json.tmpl
var manifest string

// bundle is one .mcpb: a zip of a manifest and the program for one platform.
type bundle struct {
	version  string
	binary   artifact
	licenses []packed
	sha256   string // of the written file, in hex
}

func (b bundle) name() string {
	return fmt.Sprintf("leadmagic-mcp-proxy_%s_%s_%s.mcpb", b.version, b.binary.OS, b.binary.Arch)
}

// platform is the system as MCPB names it, after Node.
func (b bundle) platform() string {
	if b.binary.OS == "windows" {
		return "win32"
	}
	return b.binary.OS
}

// program is where the program lies inside the bundle.
func (b bundle) program() string {
	if b.binary.OS == "windows" {
		return "server/leadmagic-mcp-proxy.exe"
	}
	return "server/leadmagic-mcp-proxy"
}

// write makes the file and returns its SHA-256 in hex.
func (b bundle) write(file string) (string, error) {
	text, err := b.manifest()
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(b.binary.Path)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range append([]packed{{"manifest.json", 0o644, text}, {b.program(), 0o755, program}}, b.licenses...) {
		if err := add(z, f); err != nil {
			return "", fmt.Errorf("packing %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil { //nolint:gosec // G306: a file to be published
		return "", err
	}
	sum := sha256.Sum256(out.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

func (b bundle) manifest() ([]byte, error) {
	t, err := template.New("manifest").Option("missingkey=error").Parse(manifest)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]string{"Version": b.version, "Platform": b.platform(), "Program": b.program()})
	return out.Bytes(), err
}

// A packed file is one in a bundle or package.
type packed struct {
	name string
	mode fs.FileMode
	body []byte
}

// add puts one file into the zip, dated as early as a zip can say, so that the same
// content is the same bundle whenever it is built.
func add(z *zip.Writer, f packed) error {
	header := &zip.FileHeader{
		Name:     f.name,
		Method:   zip.Deflate,
		Modified: time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC),
	}
	header.SetMode(f.mode)
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(f.body)
	return err
}
