// Foyer with Relay (relay-runtime 21), and graphql-ws for subscriptions.
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import { createSocket } from "./socket.mjs";

export function connect({ url, token = async () => null }) {
  const socket = createSocket({ url, token });

  async function fetchOperation(operation, variables) {
    const bearer = await token();
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json",
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify({ ...document(operation), variables }),
    });
    return response.json();
  }

  const subscribe = (operation, variables) =>
    Observable.create((sink) => socket.subscribe({ ...document(operation), variables }, sink));

  const environment = new Environment({
    network: Network.create(fetchOperation, subscribe),
    store: new Store(new RecordSource()),
  });

  // An application compiles its operations with relay-compiler, and uses fetchQuery, commitMutation and
  // requestSubscription. They call the environment's network as execute does.
  const execute = (text, variables) => {
    const [operationKind, name] = text.split(/\W+/);
    const operation = { id: null, cacheID: name, metadata: {}, name, operationKind, text };
    return environment.getNetwork().execute(operation, variables, { force: true });
  };
  return {
    environment,
    ask: (text, variables) => execute(text, variables).toPromise(),
    watch(text, variables, { next, error, complete }) {
      const sink = {
        next,
        error: (reason) => (Array.isArray(reason) ? next({ errors: reason }) : error(reason)),
        complete,
      };
      return execute(text, variables).subscribe(sink).unsubscribe;
    },
  };
}

// document identifies an operation: by its text or, with relay-compiler's persistConfig, by its hash.
const document = ({ name, text, id }) =>
  text
    ? { operationName: name, query: text }
    : { operationName: name, extensions: { persistedQuery: { version: 1, sha256Hash: id } } };
