import { useEffect, useState } from "react";
import { useConnected } from "../app/foyer";
import { Button } from "../ui/Button";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { explain, type Failure } from "../words/failure";
import type { Room } from "./admission";
import { Dots } from "./Connecting";
import type { Stage } from "./stage";
import { Locked, Standing } from "./Standing";

interface AskingProps {
  room: Room;
  trouble?: Failure;
  onGiveUp(): void;
}

/** Until the server has answered that the person waits, or may enter. */
export function Asking({ room, trouble, onGiveUp }: AskingProps) {
  const words = useWords();
  return (
    <Standing title={words.waiting.asking}>
      <p className="soft break">{room.name}</p>
      <Trouble trouble={trouble} />
      <Button onClick={onGiveUp}>{words.cancel}</Button>
    </Standing>
  );
}

interface WaitingProps {
  room: Room;
  locked: boolean;
  stage: Extract<Stage, { at: "waiting" }>;
  onGiveUp(): void;
}

/** Until a host has decided. */
export function Waiting({ room, locked, stage, onGiveUp }: WaitingProps) {
  const words = useWords();
  const { entry, returned, trouble } = stage;
  const away = useAway();
  return (
    <Standing title={words.waiting.title}>
      <p className="soft break">{returned ? words.waiting.returned : words.waiting.text(room.name)}</p>
      <p className="waiting-state">
        <Dots />
        <span role="status">{away ? words.waiting.reconnecting : words.waiting.asked}</span>
      </p>
      <Locked locked={locked && trouble?.reason !== "LOCKED"} />
      {entry.position && (
        <p className="tag tag-accent waiting-place">{words.waiting.position(entry.position)}</p>
      )}
      <div role="status">
        {entry.message && (
          <Note icon="chat">
            <strong>{words.waiting.message}</strong>
            <p className="lines">{entry.message}</p>
          </Note>
        )}
      </div>
      <Trouble trouble={trouble} />
      <p className="small soft">{words.waiting.stay}</p>
      <Button onClick={onGiveUp}>{words.waiting.giveUp}</Button>
    </Standing>
  );
}

function Trouble({ trouble }: { trouble?: Failure }) {
  const words = useWords();
  return <div role="status">{trouble && <Note kind="warn">{explain(trouble, words)}</Note>}</div>;
}

const PATIENCE = 1_500; // milliseconds without a connection before the page says so

function useAway() {
  const connected = useConnected();
  const [away, setAway] = useState(false);
  if (connected && away) setAway(false);
  useEffect(() => {
    if (connected) return;
    const timer = setTimeout(() => setAway(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [connected]);
  return away;
}
