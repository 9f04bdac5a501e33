import { enter, type GuestEntry } from "@foyer/client/guest.mjs";
import { useCallback, useEffect, useRef, useState } from "react";
import { type Failure, failureOf } from "../app/failure";
import { foyer } from "../app/foyer";
import { chime } from "../ui/chime";
import {
  CancelEntryDocument,
  CreateRoomTokenDocument,
  type CreateRoomTokenMutation,
  type RoomQuery,
} from "../generated/operations";
import { asked, tickets } from "./tickets";

export type Room = NonNullable<RoomQuery["room"]>;
export type Details = CreateRoomTokenMutation["createRoomToken"]["connectionDetails"];

/** How a stay in the call ended. */
export type Leaving = "left" | "removed" | "ended" | "duplicate" | "lost" | "unreachable";

/** Why somebody is not in the call, who asked for it. */
export type Why = Leaving | "denied" | "banned" | "locked" | "gone" | "failed";

export type Stage =
  | { at: "preview"; failure?: Failure }
  | { at: "asking"; trouble?: Failure }
  | { at: "waiting"; entry: GuestEntry; returned: boolean; trouble?: Failure }
  | { at: "call"; details: Details; ticket: string }
  | { at: "over"; why: Why; failure?: Failure; again?: number };

export interface Admission {
  stage: Stage;
  ask(name: string): void;
  giveUp(): void;
  /** Back to the preview. */
  reset(): void;
  left(how: Leaving): void;
}

/** Whether the browser can hold a call: some have no WebRTC, and in others somebody has turned it off. */
export const canCall = () => typeof window.RTCPeerConnection === "function";

/** How often the page goes back into a call by itself, in ms, when Foyer removed the person and no host did. */
const oneReturnIn = 60_000;

/**
 * One person's way into a room: asks, waits, and says when to connect. It survives a reload: who was
 * waiting goes on waiting.
 */
export function useAdmission(room: Room): Admission {
  const [stage, setStage] = useState<Stage>({ at: "preview" });
  const running = useRef<AbortController>(null);
  const name = useRef("");
  const latest = useRef(room);
  latest.current = room;

  const lastReturn = useRef(-Infinity);

  const begin = useCallback((displayName: string, removed: boolean) => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    name.current = displayName;
    asked.setItem(latest.current.id, displayName);
    setStage({ at: "asking" });
    const show = (next: Stage | ((now: Stage) => Stage)) => !stop.signal.aborted && setStage(next);
    const mayReturn = () => {
      const may = Date.now() - lastReturn.current >= oneReturnIn;
      lastReturn.current = Date.now();
      return may;
    };
    come(latest.current, { displayName, removed, mayReturn, show, signal: stop.signal })
      .catch((error): Stage => refused(failureOf(error)))
      .then((last) => {
        if (stop.signal.aborted) return;
        asked.removeItem(latest.current.id);
        setStage(last);
      });
  }, []);

  useEffect(() => {
    const before = asked.getItem(room.id);
    if (before !== null && canCall()) begin(before, false);
    return () => running.current?.abort();
  }, [room.id, begin]);

  function reset() {
    running.current?.abort();
    asked.removeItem(room.id);
    setStage({ at: "preview" });
  }
  return {
    stage,
    ask: (displayName) => begin(displayName, false),
    reset,
    giveUp() {
      const ticket = tickets.getItem(room.id);
      if (ticket) void foyer.client.mutation(CancelEntryDocument, { input: { ticket } }).toPromise();
      reset();
    },
    left(how) {
      if (how === "removed")
        begin(name.current, true); // Foyer knows whether a host did it
      else setStage({ at: "over", why: how });
    },
  };
}

interface Coming {
  displayName: string;
  /** Whether the person has just been removed from the call, by a host or because Foyer had to. */
  removed: boolean;
  /** Whether the page may go back into the call by itself: asked once, it may not again for a while. */
  mayReturn(): boolean;
  show(next: Stage | ((now: Stage) => Stage)): void;
  signal: AbortSignal;
}

/** Resolves with what follows asking and waiting. Rejects with what patience cannot help. */
async function come(room: Room, { displayName, removed, mayReturn, show, signal }: Coming): Promise<Stage> {
  if (room.viewerCanJoin && !removed) {
    const call = await walkIn(room, displayName);
    if (call) return call;
  }
  let waited = false;
  const entry = await enter(foyer, {
    roomId: room.id,
    displayName,
    tickets,
    signal,
    show(entry) {
      if (entry.status !== "WAITING") return;
      waited = true;
      show({ at: "waiting", entry, returned: entry.removal === "RETURNED" });
    },
    fail: (error) =>
      show(
        (now) =>
          ("trouble" in now || now.at !== "call" ? { ...now, trouble: failureOf(error) } : now) as Stage,
      ),
  });
  const byHost = removed && !waited && entry?.removal === "REMOVED";
  if (entry?.status === "DENIED") {
    const again = Date.now() + (entry.retryAfter ?? 0) * 1_000;
    return { at: "over", why: byHost ? "removed" : "denied", again };
  }
  if (entry?.status === "ENDED") return { at: "over", why: "ended" };
  if (!entry?.connectionDetails) return { at: "preview" };
  if (byHost) return { at: "over", why: "removed" };
  if (removed && !waited && !mayReturn()) return { at: "over", why: "lost" };
  if (waited) chime([523, 784]); // who waits may be looking elsewhere
  return { at: "call", details: entry.connectionDetails, ticket: tickets.getItem(room.id) ?? "" };
}

/** For whoever need not ask; null when it turns out that the person has to. */
async function walkIn(room: Room, displayName: string): Promise<Stage | null> {
  const ticket = tickets.getItem(room.id);
  const input = { roomId: room.id, displayName: displayName || null, ticket };
  const { data, error } = await foyer.client.mutation(CreateRoomTokenDocument, { input }).toPromise();
  if (data) {
    tickets.setItem(room.id, data.createRoomToken.ticket);
    return {
      at: "call",
      details: data.createRoomToken.connectionDetails,
      ticket: data.createRoomToken.ticket,
    };
  }
  const failure = failureOf(error);
  if (failure.code === "LOBBY_REQUIRED") return null;
  if (failure.code === "INVALID" && failure.field === "ticket" && ticket) {
    tickets.removeItem(room.id);
    return walkIn(room, displayName);
  }
  throw error;
}

function refused(failure: Failure): Stage {
  if (failure.reason === "BANNED") return { at: "over", why: "banned" };
  if (failure.reason === "LOCKED") return { at: "over", why: "locked" };
  if (failure.code === "NOT_FOUND") return { at: "over", why: "gone" };
  return { at: "preview", failure };
}
