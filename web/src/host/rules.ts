import { useRoomInfo } from "@livekit/components-react";
import { useMemo } from "react";
import type { PublishSource } from "../generated/operations";

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
