import { useEffect, useState } from "react";
import { foyer } from "../app/foyer";
import { RoomLockDocument } from "../generated/operations";
import type { Room } from "./admission";
import { isHost } from "./rank";

/**
 * Whether the room is locked for the viewer, and whether they walk in: looked at when they come, whenever
 * their entry has changed, as it does when the room has, and when they turn to the page again.
 */
export function useLock(room: Room, looking: boolean, entryVersion?: number) {
  const [now, setNow] = useState(room);
  useEffect(() => {
    if (!looking) return;
    let shown = true;
    async function look() {
      const { data } = await foyer.client
        .query(RoomLockDocument, { id: room.id }, { requestPolicy: "network-only" })
        .toPromise();
      if (shown && data?.room) setNow({ ...room, ...data.room });
    }
    void look();
    window.addEventListener("focus", look);
    return () => {
      shown = false;
      window.removeEventListener("focus", look);
    };
  }, [room, looking, entryVersion]);
  return { locked: now.locked && !isHost(room.viewerRole), walksIn: now.viewerCanJoin };
}
