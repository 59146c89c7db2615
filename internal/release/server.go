package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

const releases = "https://github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/releases/download/v"

// server is the MCP registry's server.json, in the members we use of its schema of
// 2025-12-11.
type server struct {
	Schema      string     `json:"$schema"`
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Repository  repository `json:"repository"`
	WebsiteURL  string     `json:"websiteUrl"`
	Version     string     `json:"version"`
	Packages    []pkg      `json:"packages"`
}

type repository struct {
	URL    string `json:"url"`
	Source string `json:"source"`
}

// pkg is one way to get the program. For a bundle, Identifier is where it is downloaded
// and the registry takes it only with FileSHA256.
type pkg struct {
	RegistryType         string     `json:"registryType"`
	Identifier           string     `json:"identifier"`
	FileSHA256           string     `json:"fileSha256,omitempty"`
	Transport            transport  `json:"transport"`
	EnvironmentVariables []variable `json:"environmentVariables"`
}

type transport struct {
	Type string `json:"type"`
}

type variable struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	IsRequired  bool   `json:"isRequired"`
	IsSecret    bool   `json:"isSecret"`
}

// writeServer fills version and bundles into the repository's server.json, whose first
// package is the model of all, and writes the result to file.
func writeServer(source, file, version string, bundles []bundle) error {
	s, err := readServer(source)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s.filled(version, bundles), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // G306: a file to be published
}

// readServer refuses what the type cannot hold, so that filling in loses nothing.
func readServer(file string) (server, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return server{}, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s server
	if err := d.Decode(&s); err != nil {
		return server{}, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(s.Packages) == 0 {
		return server{}, fmt.Errorf("%s names no package to fill in", file)
	}
	return s, nil
}

func (s server) filled(version string, bundles []bundle) server {
	model := s.Packages[0]
	s.Version = version
	s.Packages = nil
	for _, b := range bundles {
		p := model
		p.Identifier = releases + version + "/" + b.name()
		p.FileSHA256 = b.sha256
		s.Packages = append(s.Packages, p)
	}
	return s
}
