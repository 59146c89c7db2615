// Clients has real MCP clients meet the real program, each as its script in testdata says: what a person would type, what is
// printed, and what of it reached LeadMagic, which a sandbox stands in for. It is no part of the product.
//
//	clients -path DIRS SCRIPT…
//
// In the folders lie the clients and the program; nothing else of the environment reaches them but PATH.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	path := flag.String("path", "", "the folders of the clients and the program, as in PATH")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: clients -path DIRS SCRIPT…")
		os.Exit(2)
	}
	r := &report{name: "clients", out: os.Stdout}
	run(r, *path+string(os.PathListSeparator)+os.Getenv("PATH"), flag.Args())
	if r.failed() {
		os.Exit(1)
	}
}
