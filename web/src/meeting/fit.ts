export interface Box {
  width: number;
  height: number;
}

export const GAP = 10; // pixels between pictures

const WIDEST = 16 / 9;
const NARROWEST = 4 / 5;

// The smallest picture in which a face can be recognised, in pixels.
const LEAST = { width: 150, height: 105 };

/** The number of pictures that a box has room for. */
export function places({ width, height }: Box) {
  const across = Math.floor((width + GAP) / (LEAST.width + GAP));
  const down = Math.floor((height + GAP) / (LEAST.height + GAP));
  return Math.min(Math.max(across, 1) * Math.max(down, 1), 25);
}

/** The size of each picture with which `count` pictures fill a box best. */
export function fit(count: number, { width, height }: Box): Box {
  let best = { width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const w = (width - GAP * (columns - 1)) / columns;
    const h = (height - GAP * (rows - 1)) / rows;
    const tile = {
      width: Math.floor(Math.min(w, h * WIDEST)),
      height: Math.floor(Math.min(h, w / NARROWEST)),
    };
    if (tile.width * tile.height > best.width * best.height) best = tile;
  }
  return best;
}
