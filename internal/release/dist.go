package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// dist is what GoReleaser says it has built.
type dist struct {
	version  string
	binaries []binary
}

// binary is one program GoReleaser has built, after signing.
type binary struct {
	os, arch string // as Go names them
	path     string
}

// readDist reads what GoReleaser leaves beside the files it builds: metadata.json and
// artifacts.json, whose paths count from the repository's root.
func readDist(dir string) (dist, error) {
	var metadata struct {
		Version string `json:"version"`
	}
	if err := readJSON(filepath.Join(dir, "metadata.json"), &metadata); err != nil {
		return dist{}, err
	}
	var artifacts []struct {
		Path   string `json:"path"`
		GoOS   string `json:"goos"`
		GoArch string `json:"goarch"`
		Type   string `json:"type"`
	}
	if err := readJSON(filepath.Join(dir, "artifacts.json"), &artifacts); err != nil {
		return dist{}, err
	}
	built := dist{version: metadata.Version}
	for _, a := range artifacts {
		if a.Type == "Binary" {
			built.binaries = append(built.binaries, binary{os: a.GoOS, arch: a.GoArch, path: a.Path})
		}
	}
	if built.version == "" || len(built.binaries) == 0 {
		return dist{}, errors.New(dir + " holds no finished GoReleaser build")
	}
	slices.SortFunc(built.binaries, func(a, b binary) int {
		return cmp.Or(cmp.Compare(a.os, b.os), cmp.Compare(a.arch, b.arch))
	})
	return built, nil
}

func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}
