#!/usr/bin/env node
// A session of VS Code, as a person begins it: the folder is opened, "MCP: List Servers" starts the server, and the question
// for the key, if there is one, is answered with $TYPED. The extension of vscode.txtar waits for the tools and calls them.
// Printed is what was asked, and what the extension has seen. Whatever is waited for may take ten minutes.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

const { env, execPath } = process;
// The packages lie beside the Node that runs this.
const require = createRequire(execPath);
const puppeteer = require('puppeteer-core').default;
const chromium = env.PATH.split(':').map(dir => `${dir}/chromium`).find(existsSync);
const limit = 10 * 60 * 1000;
const [ready, report] = ['ready', 'report'].map(name => `${env.WORK}/${name}`);

for (const file of [ready, report]) rmSync(file, { force: true });
const server = spawn(execPath, [
	require.resolve('code-server'), '--auth=none', '--bind-addr=127.0.0.1:0', '--disable-telemetry', '--disable-update-check',
	'--disable-workspace-trust', `--user-data-dir=${env.HOME}/.config/Code`, `${env.HOME}/project`,
], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
const ended = new Promise(resolve => server.on('close', resolve));
process.on('exit', () => {
	try {
		process.kill(-server.pid, 'SIGKILL');
	} catch {} // none of its children is left
});
let browser, page;
try {
	let address;
	for await (const line of createInterface({ input: server.stdout })) {
		address = /listening on (\S+)/.exec(line)?.[1];
		if (address) break;
	}
	server.stdout.resume();
	browser = await puppeteer.launch({
		executablePath: chromium, userDataDir: `${env.WORK}/chromium`, timeout: limit, protocolTimeout: limit,
		args: process.getuid() === 0 ? ['--no-sandbox'] : [], // which root cannot have
	});
	page = await browser.newPage();
	page.setDefaultTimeout(limit);
	const pick = text => page.locator(`.quick-input-list .monaco-list-row ::-p-text(${text})`).click();
	const written = async file => {
		for (const begun = Date.now(); !existsSync(file); await wait(200)) {
			if (!browser.connected || Date.now() - begun > limit) throw new Error(`the extension has not written ${file}`);
		}
	};

	await page.goto(address, { waitUntil: 'domcontentloaded' });
	await page.waitForSelector('.monaco-workbench');
	// A server that is started before its extension host is there does not start, and nothing is said.
	await written(ready);
	await page.keyboard.press('F1');
	await page.waitForSelector('.quick-input-widget input', { visible: true });
	await page.keyboard.type('MCP: List Servers');
	await pick('MCP: List Servers');
	await pick('leadmagic');
	await pick('Start Server');
	if (env.TYPED) {
		const box = await page.waitForSelector('.quick-input-widget input[type=password]', { visible: true });
		console.log('masked:', await page.$eval('.quick-input-message', message => message.innerText));
		await box.type(env.TYPED);
		await page.keyboard.press('Enter');
	}
	// VS Code asks before it runs a tool that is not read-only.
	page.waitForSelector('.monaco-dialog-box .dialog-message-container').then(async message => {
		console.log('dialog:', (await message.evaluate(element => element.innerText)).replace(/\s+/g, ' '));
		await page.locator('.monaco-dialog-box .monaco-button ::-p-text(Yes)').click();
	}).catch(() => {}); // there is none
	await written(report);
	console.log(readFileSync(report, 'utf8'));
} catch (error) {
	console.log(await page?.$eval('body', body => body.innerText));
	throw error;
} finally {
	await browser?.close();
	server.kill();
	await ended;
}
