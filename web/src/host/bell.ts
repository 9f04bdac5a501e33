import { useSyncExternalStore } from "react";
import { browser } from "../app/storage";
import { chime } from "../ui/chime";

const SOFT = "foyer:bell";

/** Whether the host wants to hear who knocks. */
let on = browser.getItem(SOFT) !== "off";
const listeners = new Set<() => void>();

export function useBellOn() {
  const now = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => void listeners.delete(tell);
    },
    () => on,
  );
  function turn(state: boolean) {
    on = state;
    browser.setItem(SOFT, on ? "on" : "off");
    listeners.forEach((tell) => tell());
  }
  return [now, turn] as const;
}

const PAUSE = 4_000; // milliseconds of silence after a ring
const LONGEST = 64_000; // and at most so much

/** Rings for somebody who knocks; ever more rarely under a flood, until it has been calm for a while. */
export class Bell {
  #last = -Infinity;
  #pause = PAUSE;

  ring(now = Date.now()) {
    const since = now - this.#last;
    if (since < this.#pause) return;
    this.#pause = since > 2 * LONGEST ? PAUSE : Math.min(this.#pause * 2, LONGEST);
    this.#last = now;
    if (on) chime([659, 880]);
  }
}
