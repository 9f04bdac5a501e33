import type { GuestEntry } from "@foyer/client/guest.mjs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decided, refused, type Stage, troubled, waiting } from "./stage";

const details = {
  serverUrl: "wss://livekit.example.org",
  roomName: "r",
  participantName: "Grace",
  participantToken: "token",
  expiresAt: "2026-01-01T00:00:00Z",
};

const entry = (change: Partial<GuestEntry>): GuestEntry => ({
  id: "e",
  status: "WAITING",
  version: 1,
  message: null,
  position: 1,
  removal: null,
  retryAfter: null,
  connectionDetails: null,
  ...change,
});

const admitted = (change: Partial<GuestEntry> = {}) =>
  entry({ status: "ADMITTED", connectionDetails: details, ...change });

const past = { removed: false, waited: false, ticket: "t", mayReturn: () => true };
const meeting: Stage = { at: "meeting", details, ticket: "t" };
const failure = { code: "UNAVAILABLE", message: "no" };

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

test("a person whom a host returned to the lobby is told so", () => {
  expect(waiting(entry({ removal: "RETURNED" }))).toMatchObject({ at: "waiting", returned: true });
  expect(waiting(entry({}))).toMatchObject({ at: "waiting", returned: false });
});

test("a failure that is tried again is shown while the person asks or waits", () => {
  const now = waiting(entry({}));
  expect(troubled(now, failure)).toEqual({ ...now, trouble: failure });
  expect(troubled({ at: "asking" }, failure)).toEqual({ at: "asking", trouble: failure });
  expect(troubled(meeting, failure)).toBe(meeting);
});

test("the next state of the entry takes the failure away", () => {
  expect(waiting(entry({ version: 2 }))).not.toHaveProperty("trouble");
});

test.each([
  [{ code: "FORBIDDEN", reason: "BANNED" }, "banned"],
  [{ code: "FORBIDDEN", reason: "LOCKED" }, "locked"],
  [{ code: "NOT_FOUND" }, "gone"],
])("%j keeps the person out", (failure, why) => {
  expect(refused({ ...failure, message: "no" })).toEqual({ at: "over", why });
});

test("any other refusal leads back to the preview, which shows it", () => {
  const failure = { code: "INVALID", field: "displayName", message: "too long" };
  expect(refused(failure)).toEqual({ at: "preview", failure });
});

test("an admitted person enters the meeting", () => {
  expect(decided(admitted(), past)).toEqual(meeting);
  expect(decided(admitted(), { ...past, waited: true })).toEqual(meeting);
});

test("a denied person may ask again when the server takes it", () => {
  const denied = entry({ status: "DENIED", retryAfter: 30 });
  expect(decided(denied, past)).toEqual({ at: "over", why: "denied", again: 1_030_000 });
  expect(decided(entry({ status: "DENIED" }), past)).toEqual({ at: "over", why: "denied", again: 1_000_000 });
});

test("the end of the meeting ends the wait", () => {
  expect(decided(entry({ status: "ENDED" }), past)).toEqual({ at: "over", why: "ended" });
});

test("a person who gave up is back at the preview", () => {
  expect(decided(undefined, past)).toEqual({ at: "preview" });
  expect(decided(entry({ status: "LEFT" }), past)).toEqual({ at: "preview" });
});

test("a person whom a host removed does not return by themselves", () => {
  const removed = { ...past, removed: true };
  expect(decided(admitted({ removal: "REMOVED" }), removed)).toEqual({ at: "over", why: "removed" });
  const denied = entry({ status: "DENIED", removal: "REMOVED", retryAfter: 5 });
  expect(decided(denied, removed)).toEqual({ at: "over", why: "removed", again: 1_005_000 });
});

test("a removed person whom a host admitted again enters", () => {
  expect(decided(admitted({ removal: "REMOVED" }), { ...past, removed: true, waited: true })).toEqual(
    meeting,
  );
});

test("a person whom Foyer removed returns, but not again and again", () => {
  const removed = { ...past, removed: true };
  expect(decided(admitted(), removed)).toEqual(meeting);
  expect(decided(admitted(), { ...removed, mayReturn: () => false })).toEqual({ at: "over", why: "lost" });
});

test("only a return without waiting counts as one", () => {
  const mayReturn = vi.fn<() => boolean>(() => true);
  decided(admitted(), { ...past, mayReturn });
  decided(admitted(), { ...past, removed: true, waited: true, mayReturn });
  decided(admitted({ removal: "REMOVED" }), { ...past, removed: true, mayReturn });
  expect(mayReturn).not.toHaveBeenCalled();
  decided(admitted(), { ...past, removed: true, mayReturn });
  expect(mayReturn).toHaveBeenCalledOnce();
});
