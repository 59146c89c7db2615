package editor

import (
	"fmt"
	"slices"
	"strings"
)

// contextLines is how many lines a diff shows around a change.
const contextLines = 3

// A diffLine is a line of one text or of both: its sign is '-', '+' or ' '.
type diffLine struct {
	sign byte
	text string
}

// unified is the difference of two texts in the form of diff -u, or empty. An empty name stands for a file
// that does not exist.
func unified(from, to string, a, b []byte) string {
	lines := diffLines(splitLines(a), splitLines(b))
	var out strings.Builder
	for i := 0; i < len(lines); {
		first := i
		for first < len(lines) && lines[first].sign == ' ' {
			first++
		}
		if first == len(lines) {
			break
		}
		// A hunk ends where two contexts of unchanged lines would not touch.
		last, same := first, 0
		for j := first; j < len(lines) && same <= 2*contextLines; j++ {
			if same++; lines[j].sign != ' ' {
				last, same = j, 0
			}
		}
		start, end := max(i, first-contextLines), min(len(lines), last+contextLines+1)
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", orNull(from), orNull(to))
		}
		hunk(&out, lines, start, end)
		i = end
	}
	return out.String()
}

func orNull(name string) string {
	if name == "" {
		return "/dev/null"
	}
	return name
}

// hunk writes lines[start:end] with their header.
func hunk(out *strings.Builder, lines []diffLine, start, end int) {
	var before, count [2]int // in the old text and in the new one
	for i, l := range lines[:end] {
		for side, sign := range []byte("-+") {
			switch {
			case l.sign != ' ' && l.sign != sign:
			case i < start:
				before[side]++
			default:
				count[side]++
			}
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(before[0], count[0]), span(before[1], count[1]))
	for _, l := range lines[start:end] {
		text, ended := strings.CutSuffix(l.text, "\n")
		fmt.Fprintf(out, "%c%s\n", l.sign, text)
		if !ended {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// span is a range of lines as diff writes it: an empty one names the line before it.
func span(before, count int) string {
	if count > 0 {
		before++
	}
	if count == 1 {
		return fmt.Sprint(before)
	}
	return fmt.Sprintf("%d,%d", before, count)
}

func splitLines(b []byte) []string {
	var lines []string
	for line := range strings.Lines(string(b)) {
		lines = append(lines, line)
	}
	return lines
}

// diffLines aligns two texts by a shortest edit script (Myers 1986). Edits of ours are few, so the work is
// about the length of the texts.
func diffLines(a, b []string) []diffLine {
	var trace [][]int
	reach := map[int]int{1: 0} // by diagonal: how far into a it got
	for d := 0; ; d++ {
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := reach[k-1] + 1
			if k == -d || k != d && reach[k-1] < reach[k+1] {
				x = reach[k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[k], row[k+d] = x, x
			if x >= len(a) && x-k >= len(b) {
				return script(a, b, append(trace, row))
			}
		}
		trace = append(trace, row)
	}
}

// script walks the trace of diffLines back to the start.
func script(a, b []string, trace [][]int) []diffLine {
	var lines []diffLine
	x, y := len(a), len(b)
	for d := range slices.Backward(trace) {
		k := x - y
		px, py, sign := 0, 0, byte(' ') // where the d-th edit began
		if d > 0 {
			prev := func(k int) int { return trace[d-1][k+d-1] }
			if k == -d || k != d && prev(k-1) < prev(k+1) {
				px, py, sign = prev(k+1), prev(k+1)-k-1, '+'
			} else {
				px, py, sign = prev(k-1), prev(k-1)-k+1, '-'
			}
		}
		startX := px
		if sign == '-' {
			startX++
		}
		if d == 0 {
			startX = 0
		}
		for ; x > startX; x, y = x-1, y-1 {
			lines = append(lines, diffLine{' ', a[x-1]})
		}
		switch sign {
		case '+':
			lines = append(lines, diffLine{'+', b[py]})
		case '-':
			lines = append(lines, diffLine{'-', a[px]})
		}
		x, y = px, py
	}
	slices.Reverse(lines)
	return lines
}
