import { useLive } from "../app/live";
import { RoomStatusDocument, type RoomStatusSubscription } from "../generated/operations";

export type Status = RoomStatusSubscription["roomStatus"];

/** The state of the room that all participants see; null until it is known. */
export function useStatus(roomId: string, ticket: string): Status | null {
  const { data } = useLive(RoomStatusDocument, { roomId, ticket }, ({ roomStatus }) => roomStatus.version);
  return data?.roomStatus ?? null;
}
