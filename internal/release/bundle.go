package main

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// manifest is written for manifest_version 0.3 of MCPB. The key is asked for by Claude
// Desktop, which keeps what is marked sensitive in the system's keychain, and reaches
// the program as a variable: it is in no file.
//
//go:embed manifest.json.tmpl
var manifest string

// A packed file is one in a bundle or package.
type packed struct {
	name string
	mode fs.FileMode
	body []byte
}

// writeBundle writes an .mcpb, a zip of a manifest and the program for one platform, and returns its SHA-256 in hex.
func writeBundle(file, version string, binary artifact, licenses []packed) (string, error) {
	program := "server/" + binary.program()
	text, err := fill(manifest, "{{", "}}", map[string]string{"Version": version, "Platform": inNode.Replace(binary.OS), "Program": program})
	if err != nil {
		return "", err
	}
	body, err := os.ReadFile(binary.Path)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range append([]packed{{"manifest.json", 0o644, text}, {program, 0o755, body}}, licenses...) {
		// Dated as early as a zip can say, so that the same content is the same bundle whenever it is built.
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(f.mode)
		w, err := z.CreateHeader(header)
		if err == nil {
			_, err = w.Write(f.body)
		}
		if err != nil {
			return "", fmt.Errorf("packing %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return write(file, out.Bytes())
}
