import { connect } from "@foyer/client/urql.mjs";
import { cacheExchange } from "@urql/core";
import { useSyncExternalStore } from "react";

/** The connection to the server, set up as docs/clients.md recommends. */
export const foyer = connect({
  url: new URL("/graphql", location.href).href,
  exchanges: [cacheExchange],
});

/** Whether the WebSocket for subscriptions is open. It is closed while there are no subscriptions. */
let connected = false;
const listeners = new Set<() => void>();

function become(state: boolean) {
  connected = state;
  listeners.forEach((notify) => notify());
}

foyer.socket.on("connected", () => become(true));
foyer.socket.on("closed", () => become(false));

function listen(notify: () => void) {
  listeners.add(notify);
  return () => void listeners.delete(notify);
}

export const useConnected = () => useSyncExternalStore(listen, () => connected);
