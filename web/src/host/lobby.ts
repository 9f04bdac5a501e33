import { useEffect, useRef, useState } from "react";
import { useLive } from "../app/live";
import { LobbyDocument, type LobbySubscription } from "../generated/operations";
import { Bell } from "./bell";

export type Lobby = LobbySubscription["lobby"];
export type Waiting = Lobby["entries"][number];

interface Seen {
  /** Null for people who are not hosts, until it is known, and after the subscription has ended. */
  lobby: Lobby | null;
  /** Whether it is null because the host's session has ended. */
  signedOut: boolean;
}

/** The waiting guests, for hosts. It rings for each new guest. */
export function useLobby(roomId: string, host: boolean): Seen {
  const { data, over } = useLive(LobbyDocument, host ? { roomId } : null, ({ lobby }) => lobby.version);
  const lobby = host && !over ? (data?.lobby ?? null) : null;
  useBell(lobby);
  return { lobby, signedOut: host && over?.code === "UNAUTHENTICATED" };
}

function useBell(lobby: Lobby | null) {
  const [bell] = useState(() => new Bell());
  const known = useRef(new Set<string>());
  useEffect(() => {
    if (!lobby) return;
    const fresh = lobby.entries.some(({ id }) => !known.current.has(id));
    known.current = new Set(lobby.entries.map(({ id }) => id));
    if (fresh) bell.ring();
  }, [lobby, bell]);
}
