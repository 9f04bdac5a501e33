// Shared parts of the tests in a real browser: Chromium with a fake camera and a fake microphone, and people who
// use it. A test is a script: node TEST.mjs FOYER LIVEKIT [OTHER…]. It prints its steps, and exits with 0 when all
// is well. It prints requests to the test that runs it (a restart of the server) as {"ask": …}, and waits for a
// line.
import { createRequire } from 'node:module';
import { mkdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright-core';

export const patience = 60_000; // milliseconds: two busy cores, and video without a graphics card
export const [foyer, liveKit, ...others] = process.argv.slice(2);

const screenshots = new URL('../screenshots/', import.meta.url).pathname;
const allowed = new Set([foyer, liveKit, liveKit?.replace(/^ws/, 'http'), foyer.replace(/^http/, 'ws'), ...others]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-dev-shm-usage', '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream=fps=5', '--allow-loopback-in-peer-connection',
    '--autoplay-policy=no-user-gesture-required',
  ],
});

// faults collects what no page may do.
const faults = [];

const began = Date.now();
export const say = (what) =>
  console.log(JSON.stringify({ step: `${((Date.now() - began) / 1000).toFixed(1)} s: ${what}` }));

// person opens a window with its own cookies, storage and language. `before` is a function that runs in each page
// before the page's own scripts.
export async function person(name, { locale = 'en-GB', before, ...options } = {}) {
  const context = await browser.newContext({
    locale, viewport: { width: 1280, height: 800 }, permissions: ['camera', 'microphone'], ...options,
  });
  context.setDefaultTimeout(patience);
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`CSP: ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sample}`));
    // Tests read the statistics of the connections, which the page does not expose.
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...args) {
        super(...args);
        window.connections.push(this);
      }
    };
  });
  if (before) await context.addInitScript(before);
  context.on('request', (request) => notElsewhere(name, request.url()));
  context.on('page', (page) => {
    page.on('websocket', (socket) => notElsewhere(name, socket.url()));
    page.on('pageerror', (error) => faults.push(`${name}: ${error.stack || error}`));
    page.on('console', (message) => {
      if (/^CSP:|Content Security Policy/.test(message.text())) faults.push(`${name}: ${message.text()}`);
    });
  });
  const page = await context.newPage();
  page.who = name;
  return page;
}

function notElsewhere(name, address) {
  const { protocol, origin, href } = new URL(address);
  if (!['data:', 'blob:'].includes(protocol) && !allowed.has(origin === 'null' ? href.split('/', 3).join('/') : origin)) {
    faults.push(`${name} asks another host: ${address}`);
  }
}

// signIn clicks a person on the page of the development provider.
export async function signIn(page, name, returnTo = '/') {
  await page.goto(`${foyer}/login?returnTo=${encodeURIComponent(returnTo)}`);
  await page.getByRole('button', { name }).click();
  await page.waitForURL(foyer + returnTo);
}

// until evaluates a condition in a page until it is true.
export const until = (page, question, argument) =>
  page.waitForFunction(question, argument, { timeout: patience, polling: 250 });

// accessible fails when axe finds any violation.
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, help, nodes } of violations) {
    faults.push(`${where} is not accessible: ${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html}\n    ${failureSummary}`).join('\n  ')}`);
  }
}

export async function screenshot(page, name) {
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: `${screenshots}${name}.png`, animations: 'disabled' });
}

export function check(is, what) {
  if (!is) throw new Error(what);
}

// ask requests an action from the test that runs this script, and waits until it is done.
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export async function ask(what) {
  console.log(JSON.stringify({ ask: what }));
  const { value, done } = await answers.next();
  check(!done && value === 'done', `asked for ${what}, was told ${value}`);
}

// graphql runs an operation without a sign-in.
export async function graphql(query, variables) {
  const response = await fetch(`${foyer}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  check(!errors, JSON.stringify(errors));
  return data;
}

// test runs a test and ends the process. After a failure there is a screenshot of every window.
export async function test(run) {
  try {
    await run();
  } catch (error) {
    faults.push(error.stack);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      await screenshot(page, `failed-${basename(process.argv[1], '.mjs')}-${page.who ?? 'window'}`).catch(() => {});
    }
  }
  await browser.close();
  faults.forEach((fault) => console.error(stripVTControlCharacters(fault)));
  process.exit(faults.length ? 1 : 0);
}
