import { useEffect, useRef } from "react";
import { useWords } from "../words";

const FLOOR = -60; // dB, shown as silence
const READ_OUT_EVERY = 250; // milliseconds between two values for screen readers

// Shows the level of the microphone.
export function Meter({ track }: { track: MediaStreamTrack | null }) {
  const words = useWords();
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!track) return;
    try {
      return listenTo(track, (level, readOut) => {
        meter.current?.style.setProperty("--level", level.toFixed(2));
        if (readOut) meter.current?.setAttribute("aria-valuenow", String(Math.round(level * 10) * 10));
      });
    } catch {
      return; // the browser cannot measure sound, or the track has none
    }
  }, [track]);
  return (
    <div
      className="meter"
      ref={meter}
      role="meter"
      aria-label={words.devices.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    />
  );
}

function listenTo(track: MediaStreamTrack, show: (level: number, readOut: boolean) => void) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const wave = new Float32Array(analyser.fftSize);
  let [frame, last, level] = [0, 0, 0];
  const measure = (now: number) => {
    analyser.getFloatTimeDomainData(wave);
    const power = wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length;
    const loud = Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / FLOOR);
    level = Math.max(loud, level * 0.9); // rises immediately, falls slowly
    show(level, now - last > READ_OUT_EVERY);
    if (now - last > READ_OUT_EVERY) last = now;
    frame = requestAnimationFrame(measure);
  };
  const wake = () => void context.resume();
  addEventListener("pointerdown", wake, { once: true });
  frame = requestAnimationFrame(measure);
  return () => {
    cancelAnimationFrame(frame);
    removeEventListener("pointerdown", wake);
    show(0, true);
    void context.close();
  };
}
