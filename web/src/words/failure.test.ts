import { CombinedError } from "@urql/core";
import { expect, test, vi } from "vitest";
import { en } from "./en";
import { explain, failureOf, fromGraphQL, passes } from "./failure";

// The words read navigator.languages, and Node 20 has no navigator.
vi.hoisted(() => vi.stubGlobal("navigator", { languages: ["en"] }));

const answered = (extensions: Record<string, unknown>, message = "no") =>
  new CombinedError({ graphQLErrors: [{ message, extensions }] });

test("a failure has the message and the extensions of the first error", () => {
  expect(failureOf(answered({ code: "INVALID", field: "slug" }, "slug is too long"))).toEqual({
    code: "INVALID",
    field: "slug",
    message: "slug is too long",
  });
});

test("an error without a code is an internal one", () => {
  expect(fromGraphQL({ message: "no" })).toEqual({ code: "INTERNAL", message: "no" });
});

test("an error without an answer is one of the network", () => {
  expect(failureOf(new CombinedError({ networkError: new TypeError("fetch failed") })).code).toBe("NETWORK");
  expect(failureOf(new TypeError("fetch failed")).code).toBe("NETWORK");
});

test("a refusal by the client keeps its code and its reason", () => {
  const refused = Object.assign(new Error("banned"), { code: "FORBIDDEN", reason: "BANNED" });
  expect(failureOf(refused)).toEqual({ code: "FORBIDDEN", reason: "BANNED", message: "banned" });
});

test("only failures of the network and of the server pass", () => {
  const codes = [
    "NETWORK",
    "RATE_LIMITED",
    "UNAVAILABLE",
    "INTERNAL",
    "INVALID",
    "FORBIDDEN",
    "NOT_FOUND",
    "CONFLICT",
  ];
  expect(codes.filter((code) => passes({ code, message: "" }))).toEqual(codes.slice(0, 4));
});

test.each([
  [{ code: "FORBIDDEN", reason: "BANNED" }, en.faults.banned],
  [{ code: "FORBIDDEN", reason: "LOCKED" }, en.faults.locked],
  [{ code: "CONFLICT", reason: "LOCKED" }, en.faults.unlockFirst],
  [{ code: "CONFLICT", reason: "REPLACED" }, en.faults.replaced],
  [{ code: "CONFLICT", decision: "DENIED" }, en.faults.decided],
  [{ code: "CONFLICT", role: "MEMBER" }, en.faults.hasRole],
  [{ code: "CONFLICT" }, en.faults.because("because")],
  [{ code: "INVALID", field: "name" }, en.faults.because("because")],
  [{ code: "NETWORK" }, en.faults.network],
  [{ code: "UNAUTHENTICATED" }, en.faults.signIn],
  [{ code: "FORBIDDEN" }, en.faults.forbidden],
  [{ code: "NOT_FOUND" }, en.faults.notFound],
  [{ code: "LOBBY_REQUIRED" }, en.faults.knock],
  [{ code: "RATE_LIMITED", retryAfter: 2.1 }, en.faults.retryIn(3)],
  [{ code: "RATE_LIMITED" }, en.faults.tooMany],
  [{ code: "UNAVAILABLE" }, en.faults.unavailable],
  [{ code: "INTERNAL", requestId: "r1" }, en.faults.internal("r1")],
  [{ code: "OF_A_LATER_VERSION" }, en.faults.unknown],
])("%j is explained", (failure, text) => {
  expect(explain({ ...failure, message: "because" }, en)).toBe(text);
});
