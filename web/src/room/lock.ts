import { useEffect, useState } from "react";
import { foyer } from "../app/foyer";
import { RoomLockDocument } from "../generated/operations";
import type { Room } from "./admission";
import { isHost } from "./rank";

export interface Lock {
  locked: boolean;
  /** Whether the viewer may enter without asking. */
  walksIn: boolean;
}

/**
 * The room's lock for the viewer. It is read when they come, when their entry changes (as it does when the room
 * changes), and when they return to the page.
 */
export function useLock(room: Room, active: boolean, entryVersion?: number): Lock {
  const [now, setNow] = useState(room);
  useEffect(() => {
    if (!active) return;
    let mounted = true;
    async function read() {
      const { data } = await foyer.client
        .query(RoomLockDocument, { id: room.id }, { requestPolicy: "network-only" })
        .toPromise();
      if (mounted && data?.room) setNow({ ...room, ...data.room });
    }
    void read();
    window.addEventListener("focus", read);
    return () => {
      mounted = false;
      window.removeEventListener("focus", read);
    };
  }, [room, active, entryVersion]);
  return { locked: now.locked && !isHost(room.viewerRole), walksIn: now.viewerCanJoin };
}
