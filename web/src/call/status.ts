import { useRoomInfo } from "@livekit/components-react";
import { useMemo } from "react";
import { useLive } from "../app/live";
import { type PublishSource, RoomStatusDocument, type RoomStatusSubscription } from "../generated/operations";

export type Status = RoomStatusSubscription["roomStatus"];

/** What happens in the room, as everybody in it sees it; null until it is known. */
export function useStatus(roomId: string, ticket: string): Status | null {
  const { data } = useLive(RoomStatusDocument, { roomId, ticket }, ({ roomStatus }) => roomStatus.version);
  return data?.roomStatus ?? null;
}

interface Rules {
  publishSources: PublishSource[] | null;
  everyoneCanMute: boolean;
  dataAllowed: boolean;
}

/** The room's configuration, as Foyer writes it into the metadata of LiveKit's room. */
export function useRules(): Rules | null {
  const { metadata } = useRoomInfo();
  return useMemo(() => {
    try {
      return (JSON.parse(metadata ?? "") as { configuration: Rules }).configuration;
    } catch {
      return null;
    }
  }, [metadata]);
}
