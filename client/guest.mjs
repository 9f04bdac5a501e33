// A guest's way into a room, with any client: `foyer` is the result of connect() in urql.mjs,
// apollo.mjs, relay.mjs or fetch.mjs.
const STATE = `id status version message position removal retryAfter
  connectionDetails { serverUrl roomName participantName participantToken expiresAt }`;

export const ROOM = `query Room($slug: String!) {
  room(slug: $slug) { id name viewerCanJoin } }`;

export const REQUEST_ENTRY = `mutation RequestEntry($input: RequestEntryInput!) {
  requestEntry(input: $input) { ticket entry { ${STATE} } } }`;

export const ENTRY = `subscription Entry($ticket: String!) {
  entry(ticket: $ticket) { ${STATE} } }`;

// Refused is a response with errors.
export class Refused extends Error {
  constructor([{ message, extensions }]) {
    super(message);
    Object.assign(this, extensions); // code, and the optional field, reason, retryAfter, requestId
  }
}

export async function findRoom(foyer, slug) {
  const { data, errors } = await foyer.ask(ROOM, { slug });
  if (!data?.room) throw new Refused(errors);
  return data.room;
}

// enter asks to enter a room and waits. It calls show with every state, and fail with each error after
// which it tries again. It resolves with the last state (ADMITTED with connectionDetails, DENIED, LEFT
// or ENDED), or with undefined once signal is aborted. It rejects with an error that a retry does not
// repair. In a browser, pass sessionStorage as tickets.
export async function enter(foyer, { roomId, displayName, tickets, show, fail, signal }) {
  for (let failures = 0; !signal?.aborted; failures++) {
    try {
      const ticket = tickets.getItem(roomId) ?? undefined;
      const { data, errors } = await foyer.ask(REQUEST_ENTRY, {
        input: { roomId, displayName, ticket },
      });
      if (!data?.requestEntry) throw new Refused(errors);
      if (signal?.aborted) return;
      failures = 0;
      tickets.setItem(roomId, data.requestEntry.ticket);
      let { entry } = data.requestEntry;
      show(entry);
      if (entry.status === "WAITING") entry = await decision(foyer, data.requestEntry, show, signal);
      const ready = entry?.status !== "ADMITTED" || entry.connectionDetails;
      if (entry && ready) return entry;
      if (errors) throw new Refused(errors); // ADMITTED, but the room is locked
    } catch (error) {
      if (error.code === "INVALID" && error.field === "ticket") tickets.removeItem(roomId);
      else if (!passes(error)) throw error;
      else fail?.(error);
      if (error.retryAfter) await sleep(error.retryAfter * 1_000);
    }
    await sleep(Math.min(500 * 2 ** failures, 8_000) + Math.random() * 500);
  }
}

// decision resolves with the entry once a host has decided, or with undefined when the subscription
// ends: requestEntry with the ticket then says why, and restores a lost place (NOT_FOUND). It rejects
// when the same ticket is watched in too many other places: a new subscription would end one of those.
function decision(foyer, { ticket, entry: { version } }, show, signal) {
  if (!foyer.watch) return sleep(3_000); // without subscriptions: poll
  return new Promise((resolve, reject) => {
    const end = (entry) => {
      resolve(entry); // first, because stopping urql calls complete
      stop();
    };
    const stop = foyer.watch(ENTRY, { ticket }, {
      next({ data, errors }) {
        if (errors?.[0].extensions?.reason === "REPLACED") reject(new Refused(errors));
        if (errors) return end(); // also when there is data: urql keeps the last data beside new errors
        if (data.entry.version < version) return; // older than the state that is shown
        version = data.entry.version;
        show(data.entry);
        if (data.entry.status !== "WAITING") end(data.entry);
      },
      error: () => resolve(),
      complete: () => resolve(),
    });
    signal?.addEventListener("abort", () => end(), { once: true });
  });
}

// passes reports whether a retry may work. An error without a code is a network error.
const passes = ({ code, reason }) =>
  [undefined, "RATE_LIMITED", "UNAVAILABLE", "INTERNAL"].includes(code) || reason === "LOCKED";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
