// Package editor knows other programs' configuration files: where an editor keeps its MCP servers, how
// an entry for this proxy looks there, what environment the editor will start it with, and where a key
// of LeadMagic stands that should not. It changes one entry and no other byte. It never takes a key: an
// entry names the variable, or nothing at all.
package editor
