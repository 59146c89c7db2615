// Mutation changes a package in many small ways, one after the other, and tells which changes its tests do not notice:
// an operator for another, a condition that always or never holds, a statement that is not there. It is a program for
// the nightly run, and changes no file. The tests are built once, with every mutant as another body of its function,
// which the compiler sees through an overlay; a variable in the environment then says which body runs.
//
//	go run ./internal/mutation -for 5m ./rest ./internal/problem
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{out: os.Stdout}
	flag.DurationVar(&r.within, "for", 5*time.Minute, "how long to try mutants of each package; they are taken at random")
	flag.Uint64Var(&r.seed, "seed", uint64(time.Now().UnixNano()), "what chance begins with")
	flag.Float64Var(&r.least, "least", 0, "the percentage of mutants that must be noticed")
	flag.IntVar(&r.workers, "workers", runtime.NumCPU(), "how many mutants to try side by side")
	flag.StringVar(&r.known, "equivalent", "", "a file that lists mutants which change nothing that can be noticed, one a line")
	flag.Parse()
	fmt.Fprintln(r.out, "seed", r.seed)
	failed := false
	for _, pkg := range flag.Args() {
		score, err := r.test(ctx, pkg)
		switch {
		case err != nil:
			fmt.Fprintf(os.Stderr, "%s: %v\n", pkg, err)
			failed = true
		case score < r.least:
			fmt.Fprintf(os.Stderr, "%s is below %.0f %%\n", pkg, r.least)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// A run is how mutants are tried.
type run struct {
	out     io.Writer
	within  time.Duration
	seed    uint64
	least   float64
	workers int
	known   string
}

// The outcomes of a mutant.
type outcome int

const (
	noticed outcome = iota
	survived
	notTried
)

// fewest is how many mutants are tried whatever the time: of fewer, a percentage tells chance.
const fewest = 150

// test tries mutants of one package until all were tried or the time is up. The score is the percentage that was
// noticed.
func (r *run) test(ctx context.Context, pkg string) (score float64, err error) {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what stays is in the folder for such things
	p := &tested{scratch: dir, timeout: time.Minute}
	text, err := exec.CommandContext(ctx, "go", "list", "-json=Dir,ImportPath,Name,GoFiles,TestGoFiles,XTestGoFiles,Module", pkg).Output()
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err != nil {
		return 0, err
	}
	if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
		fmt.Fprintf(r.out, "%s: no tests\n", pkg)
		return 100, nil
	}
	mutants, err := r.mutants(p)
	if err != nil {
		return 0, err
	}
	left, err := p.build(ctx, mutants)
	if err != nil {
		return 0, err
	}
	notCompiled := len(mutants) - len(left)
	mutants = left
	start := time.Now()
	if got, out := p.try(ctx, 0); got != survived {
		return 0, fmt.Errorf("the tests fail without any mutant:\n%s", out)
	}
	p.timeout = 3*time.Since(start) + 5*time.Second // what a mutant takes longer is one that hangs

	random := rand.New(rand.NewPCG(r.seed, 0)) //nolint:gosec // it need not be secret
	random.Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
	end := time.Now().Add(r.within)
	outcomes := make([]outcome, len(mutants))
	next := make(chan int)
	var workers sync.WaitGroup
	for range r.workers {
		workers.Go(func() {
			for i := range next {
				outcomes[i], _ = p.try(ctx, mutants[i].number)
				if outcomes[i] == survived {
					fmt.Fprintln(r.out, mutants[i])
				}
			}
		})
	}
	for i := range mutants {
		outcomes[i] = notTried
		if ctx.Err() == nil && (time.Now().Before(end) || i < fewest) {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	count := make(map[outcome]int)
	for _, o := range outcomes {
		count[o]++
	}
	tried := count[noticed] + count[survived]
	score = 100 * float64(count[noticed]) / float64(max(tried, 1))
	fmt.Fprintf(r.out, "%s: %d of %d mutants noticed, %.1f %% (%d more do not compile, %d were not tried)\n",
		pkg, count[noticed], tried, score, notCompiled, count[notTried])
	return score, ctx.Err()
}

// A tested package is what the go command knows of it, and how its tests are run.
type tested struct {
	Dir, ImportPath, Name              string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Module                             struct{ Dir string }

	scratch string        // a folder
	timeout time.Duration // of its tests
}

// mutants are those of the files that this system compiles, but not those that are known to change nothing.
func (r *run) mutants(p *tested) (list []mutant, err error) {
	equivalent, err := r.equivalent()
	if err != nil {
		return nil, err
	}
	for _, name := range p.GoFiles {
		file := filepath.Join(p.Dir, name)
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		shown, err := filepath.Rel(p.Module.Dir, file)
		if err != nil {
			return nil, err
		}
		all, err := mutantsOf(filepath.ToSlash(shown), source)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if !equivalent[m.id()] {
				list = append(list, m)
			}
		}
		for id := range equivalent {
			if strings.HasPrefix(id, filepath.ToSlash(shown)+":") && !slices.ContainsFunc(all, func(m mutant) bool { return m.id() == id }) {
				fmt.Fprintln(r.out, r.known, "lists what is no mutant any more:", id)
			}
		}
	}
	return list, nil
}

// equivalent reads the file of mutants that change nothing, each as it was printed but without its line's number.
// A line that begins with # is a comment.
func (r *run) equivalent() (map[string]bool, error) {
	known := make(map[string]bool)
	if r.known == "" {
		return known, nil
	}
	text, err := os.ReadFile(r.known)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			known[line] = true
		}
	}
	return known, err
}

// build compiles the tests with those mutants that can be compiled, numbers these from 1, and returns them.
func (p *tested) build(ctx context.Context, mutants []mutant) ([]mutant, error) {
	for {
		overlay := make(map[string]string)
		add := func(name string, source []byte) error {
			changed := filepath.Join(p.scratch, name)
			overlay[filepath.Join(p.Dir, name)] = changed
			return os.WriteFile(changed, source, 0o600)
		}
		if err := add("mutation_selected.go", selected(p.Name)); err != nil {
			return nil, err
		}
		for i := range mutants {
			mutants[i].number = i + 1
		}
		places := make(map[string][]place)
		for _, name := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			all, where, err := withMutants(name, source, mutants)
			if err == nil {
				places[name] = where
				err = add(name, all)
			}
			if err != nil {
				return nil, err
			}
		}
		list := filepath.Join(p.scratch, "overlay.json")
		raw, err := json.Marshal(map[string]any{"Replace": overlay})
		if err == nil {
			err = os.WriteFile(list, raw, 0o600)
		}
		if err != nil {
			return nil, err
		}
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags="+p.ImportPath+"=-e", "-overlay", list, "-o", p.program(), p.ImportPath).CombinedOutput()
		if err == nil {
			return mutants, nil
		}
		wrong := make(map[int]bool) // by number
		for _, found := range compileError.FindAllSubmatch(out, -1) {
			line, _ := strconv.Atoi(string(found[2]))
			for _, w := range places[filepath.Base(string(found[1]))] {
				if w.from <= line && line <= w.to {
					wrong[w.number] = true
				}
			}
		}
		if len(wrong) == 0 || ctx.Err() != nil {
			return nil, fmt.Errorf("%w:\n%s", err, out)
		}
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return wrong[m.number] })
	}
}

// compileError is how the compiler begins to say what is wrong: a file and a line.
var compileError = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):\d+: `)

func (p *tested) program() string { return filepath.Join(p.scratch, "mutants.test") }

// try runs the tests with the mutant of that number, or without one if it is 0.
func (p *tested) try(ctx context.Context, number int) (outcome, string) {
	// A mutant may ask for memory without end.
	limited, cancel := context.WithTimeout(ctx, p.timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", `ulimit -v 6000000; exec "$0" "$@"`, p.program(), "-test.failfast", "-test.timeout", p.timeout.String())
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, number))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return notTried, ""
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return survived, string(out)
	}
	return noticed, string(out)
}
