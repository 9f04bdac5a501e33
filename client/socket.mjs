// The WebSocket under urql.mjs, apollo.mjs and relay.mjs, with the settings that survive a deploy.
// `token` is called before every connection. It resolves with null for a guest without an account.
import { createClient } from "graphql-ws";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function createSocket({ url, token }) {
  let silence;
  const socket = createClient({
    url: url.replace(/^http/, "ws"),
    lazy: true, // connect with the first subscription, disconnect after the last
    shouldRetry: () => true, // by default it gives up when a connection is refused
    retryAttempts: Infinity,
    // By default the wait doubles without limit. Foyer keeps a guest's place for 30 seconds: stay below.
    retryWait: (failures) => sleep(Math.min(500 * 2 ** failures, 8_000) + Math.random() * 1_000),
    keepAlive: 10_000, // ping the server…
    on: {
      ping: (fromServer) => {
        if (!fromServer) silence = setTimeout(() => socket.terminate(), 5_000);
      },
      pong: (fromServer) => {
        if (fromServer) clearTimeout(silence); // …and connect again when it does not answer
      },
      closed: () => clearTimeout(silence),
    },
    // Foyer closes the socket with 4403 when the token expires: this gets the next one.
    connectionParams: async () => {
      const bearer = await token();
      return bearer ? { Authorization: `Bearer ${bearer}` } : {};
    },
  });
  return socket;
}
