import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Failure } from "../words/failure";
import { follow } from "./live";

interface Sink {
  next(answer: { data?: unknown; errors?: unknown[] }): void;
  error(reason: Error): void;
  complete(): void;
}

// The subscriptions that were opened, the newest last, and how many were closed.
const server = vi.hoisted(() => ({ opened: [] as Sink[], closed: 0, terminated: 0 }));

vi.mock("./foyer", () => ({
  foyer: {
    watch(_document: unknown, _variables: unknown, sink: Sink) {
      server.opened.push(sink);
      return () => server.closed++;
    },
    socket: { terminate: () => server.terminated++ },
  },
}));

const page = new EventTarget();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  Object.assign(server, { opened: [], closed: 0, terminated: 0 });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const refusal = (code: string) => ({ data: { n: 0 }, errors: [{ message: "no", extensions: { code } }] });

function start() {
  const sink = { state: vi.fn<(data: { n: number }) => void>(), end: vi.fn<(over: Failure) => void>() };
  const stop = follow({} as TypedDocumentNode<{ n: number }, object>, {}, sink);
  return { ...sink, stop, last: () => server.opened.at(-1)! };
}

test("each state is handed on", () => {
  const { state, last } = start();
  last().next({ data: { n: 1 } });
  last().next({ data: { n: 2 } });
  expect(state.mock.calls).toEqual([[{ n: 1 }], [{ n: 2 }]]);
  expect(server.opened).toHaveLength(1);
});

test("the wait before each new try doubles up to eight seconds", () => {
  const { last } = start();
  const waits = [500, 1_000, 2_000, 4_000, 8_000, 8_000].map((expected) => {
    const before = server.opened.length;
    last().complete();
    vi.advanceTimersByTime(expected - 1);
    expect(server.opened).toHaveLength(before);
    vi.advanceTimersByTime(1);
    return server.opened.length - before;
  });
  expect(waits).toEqual([1, 1, 1, 1, 1, 1]);
});

test("a state that arrives makes the wait short again", () => {
  const { last } = start();
  for (let tries = 0; tries < 4; tries++) {
    last().error(new Error("gone"));
    vi.advanceTimersByTime(8_000);
  }
  last().next({ data: { n: 1 } });
  last().complete();
  vi.advanceTimersByTime(500);
  expect(server.opened).toHaveLength(6);
});

test("a failure that passes is tried again, and its data is not shown", () => {
  const { state, end, last } = start();
  last().next(refusal("UNAVAILABLE"));
  vi.advanceTimersByTime(500);
  expect(server.opened).toHaveLength(2);
  expect(state).not.toHaveBeenCalled();
  expect(end).not.toHaveBeenCalled();
});

test("a failure that does not pass ends it", () => {
  const { end, last } = start();
  last().next(refusal("NOT_FOUND"));
  vi.advanceTimersByTime(60_000);
  expect(end).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "NOT_FOUND" }));
  expect(server).toMatchObject({ closed: 1, opened: { length: 1 } });
});

test("one ended subscription is tried again once, however often it says that it has ended", () => {
  const { last } = start();
  const first = last();
  first.error(new Error("gone"));
  first.complete();
  first.next(refusal("UNAVAILABLE"));
  vi.advanceTimersByTime(60_000);
  expect(server.opened).toHaveLength(2);
});

test("a signed-out person who returns to the page is connected again", () => {
  const { last } = start();
  last().next(refusal("UNAUTHENTICATED"));
  page.dispatchEvent(new Event("focus"));
  page.dispatchEvent(new Event("focus"));
  expect(server).toMatchObject({ terminated: 1, opened: { length: 2 } });
});

test("nothing happens after it was stopped", () => {
  const { stop, state, last } = start();
  last().complete();
  stop();
  vi.advanceTimersByTime(60_000);
  last().next({ data: { n: 1 } });
  page.dispatchEvent(new Event("focus"));
  expect(state).not.toHaveBeenCalled();
  expect(server.opened).toHaveLength(1);
});
