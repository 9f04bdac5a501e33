import { connect } from "@foyer/client/urql.mjs";
import { cacheExchange } from "@urql/core";
import { useSyncExternalStore } from "react";

/** How the page talks to the server: set up as docs/clients.md tells everybody to. */
export const foyer = connect({
  url: new URL("/graphql", location.href).href,
  exchanges: [cacheExchange],
});

/** Whether the socket under subscriptions is up. It is down as long as nothing is watched. */
let connected = false;
const listeners = new Set<() => void>();

function become(state: boolean) {
  connected = state;
  listeners.forEach((tell) => tell());
}

foyer.socket.on("connected", () => become(true));
foyer.socket.on("closed", () => become(false));

function listen(tell: () => void) {
  listeners.add(tell);
  return () => void listeners.delete(tell);
}

export const useConnected = () => useSyncExternalStore(listen, () => connected);
