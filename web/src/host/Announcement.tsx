import { useEffect, useRef, useState } from "react";
import { useWords } from "../words";
import type { Waiting } from "./lobby";

const SAID_EVERY = 5_000; // milliseconds

// Announces the waiting guests to screen readers, with time to listen between two announcements.
export function Announcement({ entries }: { entries: Waiting[] }) {
  const words = useWords();
  const [said, setSaid] = useState("");
  const last = useRef(0);
  const text = entries.length ? words.lobby.manyWait(entries.length) : "";
  const only = entries.length === 1 ? words.lobby.oneWaits(entries[0]!.displayName) : text;
  useEffect(() => {
    const pause = Math.max(0, last.current + SAID_EVERY - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setSaid(only);
    }, pause);
    return () => clearTimeout(timer);
  }, [only]);
  return (
    <p className="unseen" role="status">
      {said}
    </p>
  );
}
