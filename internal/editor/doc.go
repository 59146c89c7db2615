// Package editor knows other programs' configuration files: where an editor keeps its MCP servers, how
// an entry for this proxy looks there, and what environment the editor will start it with. It changes one
// entry and no other byte. It never takes a key: an entry names the variable, or nothing at all.
package editor
