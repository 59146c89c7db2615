//go:build !linux

package cli

import "runtime/debug"

// releaseStartup gives back the memory that only the start has needed.
func releaseStartup() { debug.FreeOSMemory() }
