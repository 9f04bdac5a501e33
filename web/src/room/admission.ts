import { enter, type GuestEntry } from "@foyer/client/guest.mjs";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { foyer } from "../app/foyer";
import { CancelEntryDocument, CreateRoomTokenDocument, type RoomQuery } from "../generated/operations";
import { chime } from "../ui/chime";
import { type Failure, failureOf } from "../words/failure";
import { decided, type Leaving, refused, type Stage, troubled, waiting } from "./stage";
import { asked, tickets } from "./tickets";

export type Room = NonNullable<RoomQuery["room"]>;

export interface Admission {
  stage: Stage;
  ask(name: string): void;
  giveUp(): void;
  /** Back to the preview. */
  reset(): void;
  left(how: Leaving): void;
}

/** Whether the browser can hold a meeting: some have no WebRTC, and in others it is turned off. */
export const canMeet = () => typeof window.RTCPeerConnection === "function";

/** The page returns into a meeting by itself at most once in this time, in ms, when Foyer removed the person. */
const oneReturnIn = 60_000;

/**
 * One person's way into a room: the page asks, waits, and says when to connect. It survives a reload: a person who
 * was waiting continues to wait.
 */
export function useAdmission(room: Room): Admission {
  const [before] = useState(() => (canMeet() ? asked.getItem(room.id) : null));
  const [stage, setStage] = useState<Stage>({ at: before === null ? "preview" : "asking" });
  const running = useRef<AbortController>(null);
  const name = useRef("");
  const lastReturn = useRef(-Infinity);

  function begin(displayName: string, removed: boolean) {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    name.current = displayName;
    asked.setItem(room.id, displayName);
    come(room, {
      displayName,
      removed,
      mayReturn() {
        const may = Date.now() - lastReturn.current >= oneReturnIn;
        lastReturn.current = Date.now();
        return may;
      },
      waits: (entry) => !stop.signal.aborted && setStage(waiting(entry)),
      fails: (failure) => !stop.signal.aborted && setStage((now) => troubled(now, failure)),
      signal: stop.signal,
    })
      .catch((error): Stage => refused(failureOf(error)))
      .then((last) => {
        if (stop.signal.aborted) return;
        asked.removeItem(room.id);
        setStage(last);
      });
  }

  const resume = useEffectEvent(() => before !== null && begin(before, false));
  useEffect(() => {
    resume();
    return () => running.current?.abort();
  }, []);

  function ask(displayName: string, removed: boolean) {
    setStage({ at: "asking" });
    begin(displayName, removed);
  }
  function reset() {
    running.current?.abort();
    asked.removeItem(room.id);
    setStage({ at: "preview" });
  }
  return {
    stage,
    ask: (displayName) => ask(displayName, false),
    reset,
    giveUp() {
      const ticket = tickets.getItem(room.id);
      if (ticket) void foyer.client.mutation(CancelEntryDocument, { input: { ticket } }).toPromise();
      reset();
    },
    left(how) {
      if (how === "removed")
        ask(name.current, true); // Foyer knows whether a host did it
      else setStage({ at: "over", why: how });
    },
  };
}

interface Coming {
  displayName: string;
  removed: boolean;
  mayReturn(): boolean;
  waits(entry: GuestEntry): void;
  /** A failure after which the page tries again. */
  fails(failure: Failure): void;
  signal: AbortSignal;
}

/** Resolves with the stage after asking and waiting. Rejects with a failure that trying again does not repair. */
async function come(
  room: Room,
  { displayName, removed, mayReturn, waits, fails, signal }: Coming,
): Promise<Stage> {
  if (room.viewerCanJoin && !removed) {
    const meeting = await walkIn(room, displayName);
    if (meeting) return meeting;
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
      waits(entry);
    },
    fail: (error) => fails(failureOf(error)),
  });
  const stage = decided(entry, { removed, waited, mayReturn, ticket: tickets.getItem(room.id) ?? "" });
  if (waited && stage.at === "meeting") chime([523, 784]); // the person may be looking elsewhere
  return stage;
}

/** For people who need not ask; null when it turns out that the person has to. */
async function walkIn(room: Room, displayName: string): Promise<Stage | null> {
  const ticket = tickets.getItem(room.id);
  const input = { roomId: room.id, displayName: displayName || null, ticket };
  const { data, error } = await foyer.client.mutation(CreateRoomTokenDocument, { input }).toPromise();
  if (data) {
    const { ticket, connectionDetails } = data.createRoomToken;
    tickets.setItem(room.id, ticket);
    return { at: "meeting", details: connectionDetails, ticket };
  }
  const failure = failureOf(error);
  if (failure.code === "LOBBY_REQUIRED") return null;
  if (failure.code === "INVALID" && failure.field === "ticket" && ticket) {
    tickets.removeItem(room.id);
    return walkIn(room, displayName);
  }
  throw error;
}
