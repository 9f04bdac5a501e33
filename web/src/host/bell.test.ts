import { beforeEach, expect, test, vi } from "vitest";
import { chime } from "../ui/chime";
import { Bell } from "./bell";

vi.mock("../ui/chime", () => ({ chime: vi.fn<(notes: number[]) => void>() }));

beforeEach(() => void vi.mocked(chime).mockClear());

// How often the bell rings when guests ask at these times, in seconds.
function rings(...seconds: number[]) {
  const bell = new Bell();
  seconds.forEach((second) => bell.ring(second * 1_000));
  return vi.mocked(chime).mock.calls.length;
}

test("the first guest rings", () => expect(rings(0)).toBe(1));

test("guests who come one after the other ring once", () => expect(rings(0, 1, 2, 3)).toBe(1));

test("each ring of a flood is followed by a longer pause", () => {
  const every = Array.from({ length: 300 }, (_, second) => second);
  expect(rings(...every)).toBe(8); // at 0, 4, 12, 28, 60, 124, 188 and 252 seconds
});

test("after a calm time the bell rings as at first", () => {
  expect(rings(0, 9, 9 + 129, 9 + 129 + 5)).toBe(4);
});
