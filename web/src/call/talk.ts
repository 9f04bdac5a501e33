import { type ReceivedChatMessage, useChat, useRoomContext } from "@livekit/components-react";
import { useEffect, useState } from "react";

export interface Talk {
  messages: ReceivedChatMessage[];
  send(text: string): Promise<unknown>;
  sending: boolean;
  unread: number;
}

/** The chat of the call, and how much of it was said while nobody looked. */
export function useTalk(looking: boolean): Talk {
  const { localParticipant } = useRoomContext();
  const { chatMessages, send, isSending } = useChat();
  const others = chatMessages.filter(({ from }) => from?.identity !== localParticipant.identity).length;
  const [seen, setSeen] = useState(0);
  useEffect(() => {
    if (looking) setSeen(others);
  }, [looking, others]);
  return { messages: chatMessages, send, sending: isSending, unread: looking ? 0 : others - seen };
}
