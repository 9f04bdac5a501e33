import { useSyncExternalStore } from "react";

const SOFT = "foyer:bell";

/** Whether the host wants to hear who knocks. */
let on = localStorage.getItem(SOFT) !== "off";
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
    localStorage.setItem(SOFT, on ? "on" : "off");
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

/** Plays notes, in hertz, one after the other, softly. */
export function chime(notes: number[]) {
  const context = new AudioContext();
  notes.forEach((frequency, index) => {
    const at = context.currentTime + index * 0.14;
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.12, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    const tone = new OscillatorNode(context, { frequency, type: "sine" });
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.5);
    if (index === notes.length - 1) tone.onended = () => void context.close();
  });
}
