import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { useEffect, useRef, useState } from "react";
import { type Failure, fromGraphQL, passes } from "../words/failure";
import { foyer } from "./foyer";

interface Watched<Data> {
  data: Data | null;
  /** Why the subscription has ended for good. */
  over: Failure | null;
}

/**
 * A subscription that is opened again after a failure that may pass. After UNAUTHENTICATED it is opened again when the
 * person returns to the page, because they may have signed in. The WebSocket reconnects by itself. Each state is the
 * whole state; a state that is older than the one shown is dropped.
 */
export function useLive<Data, Variables extends object>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables | null,
  version: (data: Data) => number,
): Watched<Data> {
  const [watched, setWatched] = useState<Watched<Data>>({ data: null, over: null });
  const newer = useRef(version);
  const key = variables && JSON.stringify(variables);
  useEffect(() => {
    if (!key) return;
    return follow(document, JSON.parse(key) as Variables, {
      state: (data) =>
        setWatched(({ data: shown }) => {
          const old = shown && newer.current(data) < newer.current(shown);
          return { data: old ? shown : data, over: null };
        }),
      end: (over) => setWatched(({ data }) => ({ data, over })),
    });
  }, [document, key]);
  return watched;
}

interface Sink<Data> {
  state(data: Data): void;
  end(over: Failure): void;
}

/** Opens a subscription, and opens it again when it ends. Returns a function that stops it. */
export function follow<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  sink: Sink<Data>,
) {
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let close = () => {};
  let stopped = false;
  function open() {
    let over = false;
    const stop = foyer.watch(document, variables, {
      next({ data, errors }) {
        if (over || stopped) return;
        if (errors?.[0]) return again(fromGraphQL(errors[0])); // data beside errors is that of the last state
        failures = 0;
        if (data) sink.state(data);
      },
      error: () => again(),
      complete: () => again(),
    });
    close = stop;
    function again(failure?: Failure) {
      if (over || stopped) return;
      over = true;
      stop?.();
      if (failure?.code === "UNAUTHENTICATED") addEventListener("focus", signedIn, { once: true });
      if (failure && !passes(failure)) return sink.end(failure);
      timer = setTimeout(open, Math.min(500 * 2 ** failures++, 8_000) + Math.random() * 500);
    }
  }
  // The person may have signed in, in another tab: this socket still has the old session.
  function signedIn() {
    foyer.socket.terminate();
    open();
  }
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    removeEventListener("focus", signedIn);
    close();
  };
}
