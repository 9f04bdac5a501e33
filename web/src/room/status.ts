import { useLive } from "../app/live";
import { RoomStatusDocument, type RoomStatusSubscription } from "../generated/operations";

export type Status = RoomStatusSubscription["roomStatus"];

/** What happens in the room, as everybody in it sees it; null until it is known. */
export function useStatus(roomId: string, ticket: string): Status | null {
  const { data } = useLive(RoomStatusDocument, { roomId, ticket }, ({ roomStatus }) => roomStatus.version);
  return data?.roomStatus ?? null;
}
