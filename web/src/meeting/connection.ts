import { DisconnectReason, Room as LiveKitRoom, RoomEvent } from "livekit-client";
import { useEffect, useEffectEvent, useState } from "react";
import { wishes } from "../room/devices";
import type { Details, Leaving } from "../room/stage";

/** The meaning of a disconnect. After PARTICIPANT_REMOVED the page asks Foyer for the reason: see docs/clients.md. */
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

/** Connects to LiveKit while the page shows the meeting; null before the first effect. */
export function useConnection({ serverUrl, participantToken }: Details, onLeft: (how: Leaving) => void) {
  const [meeting, setMeeting] = useState<LiveKitRoom | null>(null);
  const left = useEffectEvent(onLeft);
  useEffect(() => {
    const meeting = newRoom();
    // oxlint-disable-next-line react/set-state-in-effect -- the room lives exactly as long as this effect
    setMeeting(meeting);
    let here = true;
    let [answered, connected] = [false, false];
    function leave(how: Leaving) {
      const media = how === "lost" && answered && !connected; // LiveKit answered, but no media got through
      if (here) left(media ? "unreachable" : how);
      here = false;
    }
    meeting.once(RoomEvent.SignalConnected, () => (answered = true));
    meeting.once(RoomEvent.Connected, () => (connected = true));
    // Before connecting, because a refused token disconnects immediately.
    const disconnected = (reason?: DisconnectReason) => leave(leavingOf(reason));
    meeting.on(RoomEvent.Disconnected, disconnected);
    meeting.connect(serverUrl, participantToken).then(
      () => publish(meeting),
      () => leave("lost"),
    );
    return () => {
      here = false;
      meeting.off(RoomEvent.Disconnected, disconnected);
      void meeting.disconnect();
    };
  }, [serverUrl, participantToken]);
  return meeting;
}

// Turns on the devices that were on in the preview. A device that fails stays off, and its button shows that.
async function publish({ localParticipant }: LiveKitRoom) {
  const { camera, microphone } = wishes();
  if (microphone.on) await localParticipant.setMicrophoneEnabled(true).catch(() => {});
  if (camera.on) await localParticipant.setCameraEnabled(true).catch(() => {});
}
