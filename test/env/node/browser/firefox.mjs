// Firefox joins the meeting in an open room: node firefox.mjs ROOM prints the outcome. The profile is empty, so
// Firefox has its default settings: whether media connect depends on the addresses that LiveKit offers. Playwright
// cannot drive Debian's Firefox, so this uses WebDriver BiDi over a WebSocket.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const [room] = process.argv.slice(2);
const profile = await mkdtemp(join(tmpdir(), 'firefox-'));
process.on('SIGTERM', () => firefox.kill('SIGKILL') && process.exit(1));
const firefox = spawn(process.env.FIREFOX || '/usr/bin/firefox-esr',
  ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
  { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } });

// listening resolves with the address of Firefox's WebDriver BiDi.
const listening = () => new Promise((resolve, reject) => {
  createInterface({ input: firefox.stderr }).on('line', (line) => {
    const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line);
    if (found) resolve(found[1]);
  });
  firefox.once('error', reject);
  firefox.once('exit', (code) => reject(new Error(`Firefox has ended: ${code}`)));
});

async function connect(address) {
  const socket = new WebSocket(address);
  const waiting = new Map();
  socket.on('message', (message) => {
    const { id, type, result, message: fault } = JSON.parse(message);
    if (type === 'success') waiting.get(id)?.resolve(result);
    if (type === 'error') waiting.get(id)?.reject(new Error(fault));
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return (method, params = {}) => new Promise((resolve, reject) => {
    const id = waiting.size + 1;
    waiting.set(id, { resolve, reject });
    socket.send(JSON.stringify({ id, method, params }));
  });
}

// keep runs in the page: it stores the connections for `joined`, and a name.
const keep = `() => {
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      window.connections.push(this);
    }
  };
  localStorage.setItem('foyer:name', 'Fox');
}`;

// joined presses the button and resolves with the outcome.
const joined = `new Promise((resolve) => {
  const look = setInterval(() => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Join now');
    button?.click();
    const connected = window.connections.some(({ connectionState }) => connectionState === 'connected');
    if (document.querySelector('.meeting-bar .control-leave') && connected) end('in the meeting');
    if (document.querySelector('.message h1')) end(document.querySelector('.message').innerText);
  }, 200);
  function end(what) {
    clearInterval(look);
    resolve(what);
  }
})`;

try {
  const send = await connect(`${await listening()}/session`);
  await send('session.new', { capabilities: {} });
  const { contexts: [{ context }] } = await send('browsingContext.getTree');
  await send('script.addPreloadScript', { functionDeclaration: keep });
  await send('browsingContext.navigate', { context, url: room, wait: 'complete' });
  const { result } = await send('script.evaluate', { expression: joined, target: { context }, awaitPromise: true });
  console.log(result.value);
} finally {
  firefox.removeAllListeners();
  firefox.kill('SIGKILL');
  await rm(profile, { recursive: true, force: true, maxRetries: 10 });
}
process.exit();
