#!/usr/bin/env node
// Starts the program that the package for this system holds, in the place of this process as far as Node can: the same
// streams, signals and exit code.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { isatty } = require("node:tty");

const fail = (what, hint) => {
	console.error(`leadmagic-mcp-proxy: ${what}\nhint: ${hint}`);
	process.exit(1);
};

const holder = `@leadmagic-mcp-proxy/${process.platform}-${process.arch}`;
if (!(holder in require("../package.json").optionalDependencies)) {
	fail(
		`there is no program for ${process.platform} on ${process.arch}`,
		"with Go: go install github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy@latest",
	);
}
let program;
try {
	program = require.resolve(`${holder}/bin/leadmagic-mcp-proxy${process.platform === "win32" ? ".exe" : ""}`);
} catch {
	fail(
		`the package ${holder}, which holds the program for this system, is not installed`,
		"install again with optional dependencies (without --no-optional or --omit=optional); " +
			"with a lock file of another system, remove it and node_modules first",
	);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
child.on("error", (err) => fail(`${program} does not run: ${err.message}`, "install the package again"));

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
for (const signal of signals) {
	// A terminal sends its signals to both processes, and a second one would end the program at once: it is sent again only
	// if the program has got none.
	const wait = isatty(0) && signal !== "SIGTERM" ? 1000 : 0;
	process.on(signal, () => (wait ? setTimeout(() => child.kill(signal), wait) : child.kill(signal)));
}
child.on("exit", (code, signal) => {
	if (!signal) {
		process.exit(code);
	}
	for (const name of signals) {
		process.removeAllListeners(name);
	}
	process.exitCode = 128 + constants.signals[signal]; // where Node itself ignores it
	process.kill(process.pid, signal);
});
