// Leadmagic-mcp-proxy is what an editor starts as an MCP server on stdio. It reads the LeadMagic API key from
// the environment, adds it to each request, and carries every message to LeadMagic's hosted MCP server or,
// where that refuses keys, answers from LeadMagic's REST API. The key is never written to a config file.
//
//	leadmagic-mcp-proxy                    speak MCP on stdin and stdout: what an editor runs
//	leadmagic-mcp-proxy call TOOL [k=v…]   run one tool and print the result
//	leadmagic-mcp-proxy tools              list the tools that a session would offer
//	leadmagic-mcp-proxy install EDITOR…    add the entry to an editor's config, never the key; uninstall removes it
//	leadmagic-mcp-proxy scan [PATH…]       find LeadMagic keys in config files
//	leadmagic-mcp-proxy doctor             find what is wrong and say what to do
//	leadmagic-mcp-proxy login | logout     keep the key in the system's keychain or a private file, or sign in with the browser (--web); remove it
//	leadmagic-mcp-proxy sandbox            serve a stand-in for LeadMagic on loopback
//	leadmagic-mcp-proxy completion SHELL   print the completions of a shell
//	leadmagic-mcp-proxy version            print the version
//
// It is an independent, unofficial client for LeadMagic.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/cli"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/stdio"
)

// version is set by the linker for a release.
var version string

// ownVersion is what the linker has set, or else the version in which the go command has installed the module.
func ownVersion(linked string, built *debug.BuildInfo) string {
	if linked == "" && built != nil {
		linked, _ = strings.CutPrefix(built.Main.Version, "v")
	}
	if linked == "" || linked == "(devel)" {
		return "dev"
	}
	return linked
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	go cancelOnSignal(cancel) // beside the rest, since it takes a part of what a start does
	// A pipe whose reader is gone is an error of a write, not the end of the process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var built *debug.BuildInfo
	if version == "" {
		built, _ = debug.ReadBuildInfo()
	}
	env := cli.Env{
		Getenv:  os.Getenv,
		Environ: os.Environ,
		Stdin:   stdio.New(os.Stdin),
		Stdout:  stdio.New(os.Stdout),
		Stderr:  stdio.New(os.Stderr),
		Version: ownVersion(version, built),
	}
	os.Exit(cli.Run(ctx, &env, os.Args[1:]))
}

// cancelOnSignal calls cancel at the first signal that ends the program. The second ends the process at once.
func cancelOnSignal(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	<-signals
	signal.Stop(signals)
	cancel()
}
