// Foyer with urql (@urql/core 6), and graphql-ws for subscriptions.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { onEnd, pipe, subscribe } from "wonka";
import { createSocket } from "./socket.mjs";

export function connect({ url, token = async () => null, exchanges = [] }) {
  const socket = createSocket({ url, token });
  const client = new Client({
    url,
    preferGetMethod: false,
    fetch: async (to, options) => {
      const bearer = await token();
      const headers = bearer ? { authorization: `Bearer ${bearer}` } : {};
      return fetch(to, { ...options, headers: { ...options.headers, ...headers } });
    },
    exchanges: [
      ...exchanges, // your own, such as cacheExchange, which stores no join token of a mutation
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink),
          }),
        }),
      }),
    ],
  });
  return {
    client,
    socket, // emits `connected` and `closed`
    async ask(document, variables) {
      const run = document.startsWith("query") ? "query" : "mutation";
      return answer(await client[run](document, variables).toPromise());
    },
    watch(document, variables, { next, error, complete }) {
      const { unsubscribe } = pipe(
        client.subscription(document, variables),
        onEnd(complete),
        subscribe((result) => (result.error?.networkError ? error(result.error) : next(answer(result)))),
      );
      return unsubscribe;
    },
  };
}

// answer restores the shape of Foyer's response.
function answer({ data, error }) {
  if (error?.networkError) throw error.networkError;
  return { data, errors: error?.graphQLErrors };
}
