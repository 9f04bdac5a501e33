import { useRoomInfo } from "@livekit/components-react";
import { useMemo } from "react";
import type { PublishSource } from "../generated/operations";

interface Rules {
  publishSources: PublishSource[] | null;
  everyoneCanMute: boolean;
  dataAllowed: boolean;
}

/** The room's configuration, from the metadata of LiveKit's room, where Foyer writes it. */
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
