import { useSyncExternalStore } from "react";
import { browser } from "../app/storage";
import { chime } from "../ui/chime";

const BELL = "foyer:bell";

/** Whether the bell rings when a guest asks to enter. */
let on = browser.getItem(BELL) !== "off";
const listeners = new Set<() => void>();

export function useBellOn() {
  const now = useSyncExternalStore(
    (notify) => {
      listeners.add(notify);
      return () => void listeners.delete(notify);
    },
    () => on,
  );
  function turn(state: boolean) {
    on = state;
    browser.setItem(BELL, on ? "on" : "off");
    listeners.forEach((notify) => notify());
  }
  return [now, turn] as const;
}

const PAUSE = 4_000; // milliseconds of silence after a ring
const LONGEST = 64_000; // milliseconds, the longest pause

/** Rings for guests who ask to enter. Under a flood each pause is longer, until it has been calm for a while. */
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
