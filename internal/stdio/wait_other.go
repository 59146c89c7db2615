//go:build !unix

package stdio

import "os"

const readable, writable = 0, 0

// Streams always wait by themselves here.
func wait(*os.File, int16) {}
