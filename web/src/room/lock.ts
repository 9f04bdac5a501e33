import { useEffect, useState } from "react";
import { foyer } from "../app/foyer";
import { RoomLockDocument } from "../generated/operations";
import type { Room } from "./admission";
import { isHost } from "./rank";

const AGAIN = 10_000; // milliseconds: nobody outside is told when a host locks or unlocks

/** Whether the room is locked for the viewer, and whether she walks in, looked at anew now and then. */
export function useLock(room: Room, looking: boolean) {
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
    const timer = setInterval(look, AGAIN);
    return () => {
      shown = false;
      clearInterval(timer);
    };
  }, [room, looking]);
  return { locked: now.locked && !isHost(room.viewerRole), walksIn: now.viewerCanJoin };
}
