import { useLocalParticipantPermissions } from "@livekit/components-react";
import { type FormEvent, type KeyboardEvent, memo, useEffect, useId, useRef, useState } from "react";
import { IconButton } from "../ui/Button";
import { Guard } from "../ui/Guard";
import { useComplain } from "../ui/Toasts";
import { useWords } from "../words";
import { linksIn } from "./links";
import type { Said, Talk } from "./talk";

export function Chat({ talk }: { talk: Talk }) {
  const words = useWords();
  const end = useRef<HTMLDivElement>(null);
  const permission = useLocalParticipantPermissions();
  const allowed = permission?.canPublishData ?? true;
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [talk.messages]);
  return (
    <div className="chat">
      <div className="chat-list" role="log" aria-label={words.meeting.chat} tabIndex={0}>
        <ul>
          {!talk.messages.length && <li className="soft small">{words.chat.empty}</li>}
          {talk.messages.map((said) => (
            <Line key={said.id} said={said} name={said.from?.name} />
          ))}
        </ul>
        <div ref={end} />
      </div>
      {allowed ? <Say talk={talk} /> : <p className="soft small">{words.chat.forbidden}</p>}
    </div>
  );
}

interface LineProps {
  said: Said;
  name?: string;
}

const Line = memo(function Line({ said: { from, text, at }, name }: LineProps) {
  const words = useWords();
  return (
    <li className={from?.isLocal ? "chat-line chat-own" : "chat-line"}>
      <p className="chat-from">
        <strong className="break">{from?.isLocal ? words.chat.me : name || words.meeting.nobody}</strong>
        <Guard>
          <Time at={at} />
        </Guard>
      </p>
      <p className="break chat-text">
        <Guard fallback={() => text}>
          <Linked text={text} />
        </Guard>
      </p>
    </li>
  );
});

// The time of a message. It throws where the machine's clock is out of range.
function Time({ at }: { at: number }) {
  const words = useWords();
  return <time dateTime={new Date(at).toISOString()}>{words.time(at)}</time>;
}

// The text of a message, with links for the addresses in it.
function Linked({ text }: { text: string }) {
  return linksIn(text).map(({ text, href }, place) =>
    href ? (
      <a key={place} href={href} target="_blank" rel="noopener noreferrer">
        {text}
      </a>
    ) : (
      text
    ),
  );
}

function Say({ talk }: { talk: Talk }) {
  const words = useWords();
  const complain = useComplain();
  const [text, setText] = useState("");
  const id = useId();
  async function send(event: FormEvent | KeyboardEvent) {
    event.preventDefault();
    if (!text.trim() || talk.sending) return;
    complain(null);
    try {
      await talk.send(text.trim());
      setText("");
    } catch {
      complain(words.chat.failed);
    }
  }
  return (
    <form className="chat-say" onSubmit={send}>
      <label htmlFor={id} className="unseen">
        {words.chat.label}
      </label>
      <textarea
        id={id}
        className="input"
        rows={1}
        value={text}
        placeholder={words.chat.label}
        maxLength={4000}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) =>
          event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing && send(event)
        }
      />
      <IconButton type="submit" kind="primary" icon="send" label={words.chat.send} />
    </form>
  );
}
