import type { GuestEntry } from "@foyer/client/guest.mjs";
import type { CreateRoomTokenMutation } from "../generated/operations";
import type { Failure } from "../words/failure";

export type Details = CreateRoomTokenMutation["createRoomToken"]["connectionDetails"];

/** How a stay in the meeting ended. */
export type Leaving = "left" | "removed" | "ended" | "duplicate" | "lost" | "unreachable";

/** Why a person who asked to enter is not in the meeting. */
export type Why = Leaving | "denied" | "banned" | "locked" | "gone";

/** Where a person is on the way into a room. */
export type Stage =
  | { at: "preview"; failure?: Failure }
  | { at: "asking"; trouble?: Failure }
  | { at: "waiting"; entry: GuestEntry; returned: boolean; trouble?: Failure }
  | { at: "meeting"; details: Details; ticket: string }
  | { at: "over"; why: Why; again?: number };

/** After an entry that is not decided yet. */
export const waiting = (entry: GuestEntry): Stage => ({
  at: "waiting",
  entry,
  returned: entry.removal === "RETURNED",
});

/** The same stage, with a failure after which the page tries again. */
export const troubled = (stage: Stage, trouble: Failure): Stage =>
  stage.at === "asking" || stage.at === "waiting" ? { ...stage, trouble } : stage;

/** After a failure that trying again does not repair. */
export function refused(failure: Failure): Stage {
  if (failure.reason === "BANNED") return { at: "over", why: "banned" };
  if (failure.reason === "LOCKED") return { at: "over", why: "locked" };
  if (failure.code === "NOT_FOUND") return { at: "over", why: "gone" };
  return { at: "preview", failure };
}

interface Past {
  /** Whether the person was removed from the meeting just before, by a host or by Foyer. */
  removed: boolean;
  /** Whether the page has shown that the person waits. */
  waited: boolean;
  ticket: string;
  /** Whether the page may return into the meeting by itself. Each call counts as a return. */
  mayReturn(): boolean;
}

/** After an entry that is decided; without an entry the person has given up. */
export function decided(entry: GuestEntry | undefined, { removed, waited, ticket, mayReturn }: Past): Stage {
  const byHost = removed && !waited && entry?.removal === "REMOVED";
  if (entry?.status === "DENIED") {
    const again = Date.now() + (entry.retryAfter ?? 0) * 1_000;
    return { at: "over", why: byHost ? "removed" : "denied", again };
  }
  if (entry?.status === "ENDED") return { at: "over", why: "ended" };
  if (!entry?.connectionDetails) return { at: "preview" };
  if (byHost) return { at: "over", why: "removed" };
  if (removed && !waited && !mayReturn()) return { at: "over", why: "lost" };
  return { at: "meeting", details: entry.connectionDetails, ticket };
}
