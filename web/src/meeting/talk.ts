import { useRoomContext } from "@livekit/components-react";
import { type Participant, RoomEvent, type TextStreamReader } from "livekit-client";
import { useCallback, useEffect, useRef, useState } from "react";

export interface Said {
  id: number;
  /** Undefined when LiveKit does not know the sender. */
  from?: Participant;
  text: string;
  /** When it arrived, in milliseconds since 1970. The sender's clock is not trusted. */
  at: number;
}

export interface Talk {
  /** The newest, at most KEPT. */
  messages: Said[];
  send(text: string): Promise<void>;
  sending: boolean;
  unread: number;
}

// LiveKit's clients send text streams; those from before 2025 send JSON packets.
const STREAM = "lk.chat";
const PACKET = "lk-chat-topic";

const LONGEST = 4_000; // characters of a message
const KEPT = 500; // messages
const EVERY = 100; // milliseconds between two updates of the list

/**
 * The chat of the meeting, and the number of unread messages. Participants can send anything: invalid messages are
 * dropped, and neither a flood of messages nor a long one blocks the page.
 */
export function useTalk(visible: boolean): Talk {
  const meeting = useRoomContext();
  const [{ messages, others }, setSaid] = useState({ messages: [] as Said[], others: 0 });
  const [sending, setSending] = useState(false);
  const [seen, setSeen] = useState(0);
  const arrived = useRef<Said[]>([]);
  const last = useRef(0);

  const add = useCallback((from: Participant | undefined, text: string) => {
    if (!text.trim()) return;
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    if (!arrived.current.length) setTimeout(show, EVERY);
    arrived.current.push({ id: ++last.current, from, text: shown, at: Date.now() });
    function show() {
      const fresh = arrived.current;
      arrived.current = [];
      setSaid(({ messages, others }) => ({
        messages: [...messages, ...fresh].slice(-KEPT),
        others: others + fresh.filter(({ from }) => !from?.isLocal).length,
      }));
    }
  }, []);

  useEffect(() => {
    meeting.registerTextStreamHandler(STREAM, async (reader, { identity }) => {
      const text = await whole(reader).catch(() => ""); // it was aborted, or is not text
      add(meeting.getParticipantByIdentity(identity), text);
    });
    const packet = (payload: Uint8Array, from?: Participant, _kind?: unknown, topic?: string) => {
      if (topic === PACKET) add(from, messageIn(payload));
    };
    meeting.on(RoomEvent.DataReceived, packet);
    return () => {
      meeting.unregisterTextStreamHandler(STREAM);
      meeting.off(RoomEvent.DataReceived, packet);
    };
  }, [meeting, add]);
  if (visible && seen !== others) setSeen(others);

  async function send(text: string) {
    const { localParticipant } = meeting;
    setSending(true);
    try {
      await localParticipant.sendText(text, { topic: STREAM });
      add(localParticipant, text);
      const old = JSON.stringify({ message: text, timestamp: Date.now(), ignoreLegacy: true });
      const options = { topic: PACKET, reliable: true };
      await localParticipant.publishData(new TextEncoder().encode(old), options).catch(() => {});
    } finally {
      setSending(false);
    }
  }
  return { messages, send, sending, unread: visible ? 0 : others - seen };
}

// The beginning of a stream. The remainder is read as well, because LiveKit would buffer it.
async function whole(reader: TextStreamReader) {
  let text = "";
  for await (const part of reader) if (text.length <= LONGEST) text += part;
  return text;
}

// The text of a packet; empty when the same text also comes as a stream.
function messageIn(payload: Uint8Array): string {
  try {
    const { message, ignoreLegacy } = JSON.parse(new TextDecoder().decode(payload)) as Record<
      string,
      unknown
    >;
    return typeof message === "string" && !ignoreLegacy ? message : "";
  } catch {
    return "";
  }
}
