import { expect, test } from "vitest";
import { addressesIn } from "./addresses";

test.each([
  ["a@example.org", ["a@example.org"]],
  ["a@example.org b@example.org", ["a@example.org", "b@example.org"]],
  [
    "a@example.org,b@example.org;c@example.org\nd@example.org",
    ["a", "b", "c", "d"].map((name) => `${name}@example.org`),
  ],
  ["Ada <ada@example.org>, Bob <bob@example.org>", ["Ada <ada@example.org>", "Bob <bob@example.org>"]],
  ['"Lovelace, Ada" <ada@example.org>', ['"Lovelace, Ada" <ada@example.org>']],
  ["Lovelace, Ada <ada@example.org>, b@example.org", ["Lovelace, Ada <ada@example.org>", "b@example.org"]],
  ["no address, a@example.org", ["no address", "a@example.org"]],
  ["a@example,org", ["a@example,org"]],
  [" ,;\n ", []],
  ["", []],
])("%j", (text, found) => expect(addressesIn(text)).toEqual(found));
