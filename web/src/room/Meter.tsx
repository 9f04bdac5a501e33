import { useEffect, useRef } from "react";
import { useWords } from "../words";

const FLOOR = -60; // dB that count as silence
const TOLD = 250; // milliseconds between two values for those who cannot see the bar

// Shows how loud the microphone is.
export function Meter({ track }: { track: MediaStreamTrack | null }) {
  const words = useWords();
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!track) return;
    try {
      return listenTo(track, (level, told) => {
        meter.current?.style.setProperty("--level", level.toFixed(2));
        if (told) meter.current?.setAttribute("aria-valuenow", String(Math.round(level * 10) * 10));
      });
    } catch {
      return; // a browser that measures no sound, or a track without any
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

function listenTo(track: MediaStreamTrack, show: (level: number, told: boolean) => void) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const wave = new Float32Array(analyser.fftSize);
  let [frame, last, level] = [0, 0, 0];
  const look = (now: number) => {
    analyser.getFloatTimeDomainData(wave);
    const power = wave.reduce((sum, sample) => sum + sample * sample, 0) / wave.length;
    const loud = Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / FLOOR);
    level = Math.max(loud, level * 0.9); // up at once, down slowly
    show(level, now - last > TOLD);
    if (now - last > TOLD) last = now;
    frame = requestAnimationFrame(look);
  };
  const wake = () => void context.resume();
  addEventListener("pointerdown", wake, { once: true });
  frame = requestAnimationFrame(look);
  return () => {
    cancelAnimationFrame(frame);
    removeEventListener("pointerdown", wake);
    show(0, true);
    void context.close();
  };
}
