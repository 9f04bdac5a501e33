import { useEffect, useState } from "react";
import { Link } from "wouter";
import { Button, buttonClass } from "../ui/Button";
import { useWords } from "../words";
import type { Room } from "./admission";
import type { Why } from "./stage";
import { Standing } from "./Standing";

interface Props {
  room: Room;
  why: Why;
  /** When the server takes another request, in milliseconds since 1970. */
  again?: number;
  onAsk(): void;
  onReset(): void;
}

/** Why the person is not in the meeting, and the way back. */
export function Over({ room, why, again: after = 0, onAsk, onReset }: Props) {
  const words = useWords();
  const seconds = useSecondsUntil(after);
  const { title, text } = words.over[why];
  const again = why !== "banned" && why !== "gone";
  const back = comesBack.includes(why);
  return (
    <div className="message">
      <Standing title={title}>
        <p className="soft">{text}</p>
        {why === "unreachable" && firefoxHere() && <p className="soft">{words.over.firefoxHere}</p>}
      </Standing>
      <div className="row row-wrap">
        {again && (
          <Button kind="primary" busy={seconds > 0} onClick={back ? onAsk : onReset}>
            {seconds > 0
              ? words.over.askIn(seconds)
              : back || room.viewerCanJoin
                ? words.over.join
                : words.over.ask}
          </Button>
        )}
        <Link href="/" className={buttonClass({ kind: again ? "plain" : "primary" })}>
          {words.toHome}
        </Link>
      </div>
    </div>
  );
}

// A person whom nobody sent away asks with one press, without the preview.
const comesBack: Why[] = ["lost", "unreachable", "duplicate"];

/** Firefox on the server's own machine, which connects to none of its loopback addresses. */
const firefoxHere = () =>
  /Firefox/.test(navigator.userAgent) && /^(localhost|127\..*|\[::1\])$/.test(location.hostname);

const secondsUntil = (moment: number) => Math.max(0, Math.ceil((moment - Date.now()) / 1_000));

function useSecondsUntil(moment: number) {
  const [seconds, setSeconds] = useState(() => secondsUntil(moment));
  useEffect(() => {
    if (!secondsUntil(moment)) return;
    const timer = setInterval(() => {
      setSeconds(secondsUntil(moment));
      if (!secondsUntil(moment)) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [moment]);
  return seconds;
}
