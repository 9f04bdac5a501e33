// Firefox joins the call of an open room: node firefox.mjs ROOM prints what came of it. Its profile is empty, so
// that Firefox's own settings hold: whether media connect depends on where LiveKit offers them. Playwright does not
// drive Debian's Firefox. What little is needed here Firefox does by WebDriver BiDi, over a socket.
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

// listening resolves with the address at which Firefox can be spoken to.
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

// keep has the page keep its connections where `joined` finds them, and remember a name.
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

// joined presses the button and resolves with what came of it.
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
