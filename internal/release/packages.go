package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
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

// launcher is what the main package for npm runs.
//
//go:embed launcher.js
var launcher []byte

// inNode names systems and processors as Node does.
var inNode = strings.NewReplacer("windows", "win32", "amd64", "x64")

// writePackages writes the packages for npm into a folder: one for each platform, with the program, and the main one, which
// takes that of the platform as an optional dependency. None has a script that an installation would run.
func writePackages(dir string, built dist, licenses []packed) error {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	common := map[string]any{
		"version":    built.version,
		"license":    "MIT",
		"homepage":   "https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy#readme",
		"repository": map[string]string{"type": "git", "url": "git+https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy.git"},
	}
	platforms := make(map[string]string)
	for _, binary := range built.binaries {
		system, processor := inNode.Replace(binary.OS), inNode.Replace(binary.Arch)
		text, err := os.ReadFile(binary.Path)
		if err != nil {
			return err
		}
		name := "@" + project + "/" + system + "-" + processor
		platforms[name] = built.version
		manifest := maps.Clone(common)
		maps.Copy(manifest, map[string]any{
			"name":        name,
			"description": "The program of leadmagic-mcp-proxy for " + system + " on " + processor,
			"os":          []string{system}, "cpu": []string{processor},
			"preferUnplugged": true, // a program is not started from within a zip of Yarn's
		})
		if err := writePackage(filepath.Join(dir, project+"-"+system+"-"+processor+"-"+built.version+".tgz"), manifest, append(licenses, packed{"bin/" + binary.program(), 0o755, text})); err != nil {
			return err
		}
	}
	maps.Copy(common, map[string]any{
		"name":                 project,
		"description":          "Unofficial MCP proxy for LeadMagic that keeps the API key out of configs",
		"keywords":             []string{"mcp", "leadmagic", "proxy", "enrichment"},
		"mcpName":              "io.github.leadmagic-mcp-proxy/leadmagic-mcp-proxy", // by which the MCP registry knows whose it is
		"bin":                  map[string]string{project: "bin/leadmagic-mcp-proxy.js"},
		"engines":              map[string]string{"node": ">=18"},
		"optionalDependencies": platforms,
	})
	return writePackage(filepath.Join(dir, project+"-"+built.version+".tgz"), common, append(licenses,
		packed{"bin/leadmagic-mcp-proxy.js", 0o755, launcher}, packed{"README.md", 0o644, readme}))
}

// writePackage writes one package as npm pack does: below package/, and with npm's own time.
func writePackage(file string, manifest map[string]any, files []packed) error {
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	for _, f := range append([]packed{{"package.json", 0o644, append(text, '\n')}}, files...) {
		header := &tar.Header{
			Name: "package/" + f.name, Mode: int64(f.mode), Size: int64(len(f.body)),
			ModTime: time.Date(1985, time.October, 26, 8, 15, 0, 0, time.UTC),
		}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(f.body); err != nil {
			return err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return err
	}
	_, err = write(file, out.Bytes())
	return err
}
