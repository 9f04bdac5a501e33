// The WebSocket under urql.mjs, apollo.mjs and relay.mjs, with the settings that survive a deploy.
// `token` is asked before every connection; it resolves with null for a guest without an account.
import { createClient } from "graphql-ws";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function createSocket({ url, token }) {
  let silence;
  const socket = createClient({
    url: url.replace(/^http/, "ws"),
    lazy: true, // connect with the first subscription, disconnect after the last
    shouldRetry: () => true, // else it gives up when a connection is refused
    retryAttempts: Infinity,
    // Without this the wait doubles for ever. A guest's place is kept for 30 seconds: stay below.
    retryWait: (failures) => sleep(Math.min(500 * 2 ** failures, 8_000) + Math.random() * 1_000),
    keepAlive: 10_000, // ask the server whether it is there…
    on: {
      ping: (fromServer) => {
        if (!fromServer) silence = setTimeout(() => socket.terminate(), 5_000);
      },
      pong: (fromServer) => {
        if (fromServer) clearTimeout(silence); // …and connect again when it does not answer
      },
      closed: () => clearTimeout(silence),
    },
    // A token that has ended closes the socket with 4403: this gets the next one.
    connectionParams: async () => {
      const bearer = await token();
      return bearer ? { Authorization: `Bearer ${bearer}` } : {};
    },
  });
  return socket;
}
