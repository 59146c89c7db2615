// Package soak has tests of the finished program as a process among others: under load, for long, in chaos, killed, not
// listened to, and behind networks that are in the way. They know nothing of its insides. Each is short by default;
// -long runs it at full length, and -seed repeats what was chosen at random.
package soak

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

var (
	long = flag.Bool("long", false, "run all, and at full length: 100,000 calls, half an hour of chaos")
	seed = flag.Uint64("seed", 0, "the seed of what is chosen at random; 0 draws that too")
)

// canary is the key of every test. Nothing that the program prints may contain it.
const canary = "lm_canary_5f1c0e9a7b3d2468"

// built is the program, as TestMain has built it.
var built string

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(runRole(role))
	}
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // scratch
	built = filepath.Join(dir, "leadmagic-mcp-proxy")
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", built, "../..").CombinedOutput(); err != nil { //nolint:noctx // go test ends it
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
		return 1
	}
	// In the background of a shell, and with nohup, these are ignored, and a program would inherit that.
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	return m.Run()
}

// command is what repeats a test, from the folder of the module. At full length other things are chosen.
func command(t *testing.T, seed uint64) string {
	if *long {
		return fmt.Sprintf("go test ./internal/soak -v -timeout 90m -run %s -seed %d -long", t.Name(), seed)
	}
	return fmt.Sprintf("go test ./internal/soak -v -run %s -seed %d", t.Name(), seed)
}

// pick is short by default and full with -long.
func pick[T any](short, full T) T {
	if *long {
		return full
	}
	return short
}
