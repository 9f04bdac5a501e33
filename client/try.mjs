// node try.mjs CLIENT URL SLUG NAME: a guest asks to enter a room. It prints each state as a line of
// JSON. CLIENT is urql, apollo, relay, fetch, or poll (fetch without subscriptions). TOKEN signs in.
import { enter, findRoom } from "./guest.mjs";

globalThis.WebSocket ??= (await import("ws")).WebSocket; // Node before 22 has none

const [client, url, slug, displayName] = process.argv.slice(2);
const { connect } = await import(`./${client === "poll" ? "fetch" : client}.mjs`);
const foyer = connect({ url, token: async () => process.env.TOKEN });
if (client === "poll") delete foyer.watch;

const storage = new Map(); // in a browser: sessionStorage
const tickets = {
  getItem: (key) => storage.get(key) ?? null,
  setItem: (key, value) => storage.set(key, value),
  removeItem: (key) => storage.delete(key),
};
const show = (state) => console.log(JSON.stringify(state));

const { id: roomId } = await findRoom(foyer, slug);
await enter(foyer, { roomId, displayName, tickets, show });
