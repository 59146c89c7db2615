//go:build !unix

package stdio

import "os"

// Streams always wait here.
func waitUntilReadable(*os.File) {}
func waitUntilWritable(*os.File) {}
