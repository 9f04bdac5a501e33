// Runs operations with graphql-ws over one socket and prints each event as a line of JSON: {"connected"},
// {"next"}, {"complete"}, {"error"}, and {"closed": code} for every connection that ended.
//
//   node socket.mjs URL OPTIONS [QUERY VARIABLES]...
//
// OPTIONS: token (a credential), patient (the settings that docs/clients.md recommends), milliseconds
// (when to stop; without it, the end of all operations).
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, text, ...operations] = process.argv.slice(2);
const { token, patient, milliseconds } = JSON.parse(text);
const print = (line) => console.log(JSON.stringify(line));

const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: async () => (token ? { Authorization: `Bearer ${token}` } : {}),
  ...(patient && { shouldRetry: () => true, retryAttempts: Infinity, lazy: true, keepAlive: 10_000 }),
  on: {
    connected: () => print({ connected: true }),
    closed: (event) => print({ closed: event.code ?? 0, reason: event.reason ?? '' }),
  },
});

const run = (query, variables) =>
  new Promise((resolve) => {
    client.subscribe({ query, variables: JSON.parse(variables) }, {
      next: (result) => print({ next: result }),
      error: (err) => resolve(print({ error: Array.isArray(err) ? err : String(err.reason ?? err) })),
      complete: () => resolve(print({ complete: true })),
    });
  });

const all = [];
for (let i = 0; i < operations.length; i += 2) all.push(run(operations[i], operations[i + 1]));
const late = new Promise((resolve) => milliseconds && setTimeout(resolve, milliseconds));
await Promise.race([Promise.all(all), late]);
process.exit(0);
