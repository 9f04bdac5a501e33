import { DisconnectReason, Room as LiveKitRoom, RoomEvent } from "livekit-client";
import { useEffect, useRef, useState } from "react";
import type { Details, Leaving } from "../room/admission";
import { wishes } from "../room/devices";

/** What the end of a connection means. Foyer is asked what PARTICIPANT_REMOVED was: see docs/clients.md. */
function leavingOf(reason?: DisconnectReason): Leaving {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return "left";
    case DisconnectReason.PARTICIPANT_REMOVED:
      return "removed";
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return "ended";
    case DisconnectReason.DUPLICATE_IDENTITY:
      return "duplicate";
    default:
      return "lost";
  }
}

function newRoom() {
  const { camera, microphone } = wishes();
  return new LiveKitRoom({
    adaptiveStream: true,
    dynacast: true,
    videoCaptureDefaults: { deviceId: camera.id || undefined },
    audioCaptureDefaults: { deviceId: microphone.id || undefined },
  });
}

/** Connects with LiveKit as long as the page shows the call; null for a moment before that. */
export function useConnection({ serverUrl, participantToken }: Details, onLeft: (how: Leaving) => void) {
  const [call, setCall] = useState<LiveKitRoom | null>(null);
  const left = useRef(onLeft);
  left.current = onLeft;
  useEffect(() => {
    const call = newRoom();
    setCall(call);
    let here = true;
    let [answered, connected] = [false, false];
    function leave(how: Leaving) {
      const media = how === "lost" && answered && !connected; // LiveKit was reached, but not by media
      if (here) left.current(media ? "unreachable" : how);
      here = false;
    }
    call.once(RoomEvent.SignalConnected, () => (answered = true));
    call.once(RoomEvent.Connected, () => (connected = true));
    // Before connecting: with a token that opens the room no longer, this comes at once.
    const disconnected = (reason?: DisconnectReason) => leave(leavingOf(reason));
    call.on(RoomEvent.Disconnected, disconnected);
    call.connect(serverUrl, participantToken).then(
      () => publish(call),
      () => leave("lost"),
    );
    return () => {
      here = false;
      call.off(RoomEvent.Disconnected, disconnected);
      void call.disconnect();
    };
  }, [serverUrl, participantToken]);
  return call;
}

// What was on in the preview is on in the call. A device that fails stays off, as its button shows.
async function publish({ localParticipant }: LiveKitRoom) {
  const { camera, microphone } = wishes();
  if (microphone.on) await localParticipant.setMicrophoneEnabled(true).catch(() => {});
  if (camera.on) await localParticipant.setCameraEnabled(true).catch(() => {});
}
