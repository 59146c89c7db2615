//go:build !unix

package file

// neverBlock is nothing where pipes do not stand among files.
const neverBlock = 0
