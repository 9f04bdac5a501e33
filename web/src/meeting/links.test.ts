import { expect, test } from "vitest";
import { linksIn } from "./links";

const hrefs = (text: string) => linksIn(text).flatMap(({ href }) => href ?? []);

test("a text comes back whole, in parts", () => {
  const text = "see https://a.example/x?y=1#z, and http://b.example (or https://c.example).";
  expect(
    linksIn(text)
      .map((part) => part.text)
      .join(""),
  ).toBe(text);
  expect(hrefs(text)).toEqual(["https://a.example/x?y=1#z", "http://b.example", "https://c.example"]);
});

test("a text without an address is one part", () => {
  expect(linksIn("hello")).toEqual([{ text: "hello" }]);
  expect(linksIn("")).toEqual([]);
});

test.each([
  "javascript:alert(1)",
  "data:text/html,x",
  "ftp://a.example",
  "xhttps://a.example",
  "https://",
  "http://[",
])("%s is no address", (text) => expect(hrefs(text)).toEqual([]));

test("marks that change the direction of a text end an address", () => {
  expect(hrefs("https://a.example/\u202emoc.elpmaxe")).toEqual(["https://a.example/"]);
});
