import { describe, expect, test } from "vitest";
import { fit, GAP, places } from "./fit";

const boxes = [
  { width: 1280, height: 640 },
  { width: 390, height: 700 },
  { width: 200, height: 1000 },
  { width: 1000, height: 120 },
];

describe.each(boxes)("in a box of $width × $height", (box) => {
  test.each([1, 2, 3, 4, 7, 25])("%i pictures do not leave it", (count) => {
    const tile = fit(count, box);
    const columns = Math.floor((box.width + GAP) / (tile.width + GAP));
    const rows = Math.ceil(count / columns);
    expect(columns * tile.width + (columns - 1) * GAP).toBeLessThanOrEqual(box.width);
    expect(rows * tile.height + (rows - 1) * GAP).toBeLessThanOrEqual(box.height);
  });

  test.each([1, 2, 5, 12])("%i pictures keep the shape of a face or of a screen", (count) => {
    const { width, height } = fit(count, box);
    expect(width / height).toBeGreaterThan(0.78);
    expect(width / height).toBeLessThan(1.83);
  });

  test("a picture is not larger among more", () => {
    const areas = [1, 2, 4, 9, 16].map((count) => fit(count, box)).map(({ width, height }) => width * height);
    expect(areas).toEqual([...areas].sort((a, b) => b - a));
  });
});

test("a box has at least one place and at most 25", () => {
  expect(places({ width: 10, height: 10 })).toBe(1);
  expect(places({ width: 4000, height: 4000 })).toBe(25);
});

test("two places need the width of two pictures and the gap between them", () => {
  expect(places({ width: 309, height: 105 })).toBe(1);
  expect(places({ width: 310, height: 105 })).toBe(2);
});

test.each([
  [1, { width: 1280, height: 640 }, { width: 1137, height: 640 }],
  [2, { width: 1280, height: 640 }, { width: 635, height: 640 }],
  [2, { width: 390, height: 700 }, { width: 390, height: 345 }],
])("%i pictures fill %o", (count, box, tile) => {
  expect(fit(count, box)).toEqual(tile);
});
