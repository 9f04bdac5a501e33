import { useEffect, useRef, useState } from "react";
import { useLive } from "../app/live";
import { LobbyDocument, type LobbySubscription } from "../generated/operations";
import { Bell } from "./bell";

export type Lobby = LobbySubscription["lobby"];
export type Waiting = Lobby["entries"][number];

/** Who waits, for hosts; null for others, and until it is known. Rings when somebody new does. */
export function useLobby(roomId: string, host: boolean): Lobby | null {
  const { data } = useLive(LobbyDocument, host ? { roomId } : null, ({ lobby }) => lobby.version);
  const lobby = host ? (data?.lobby ?? null) : null;
  useBell(lobby);
  return lobby;
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
