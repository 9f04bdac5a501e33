import { useAudioPlayback, useConnectionState, useRoomContext } from "@livekit/components-react";
import { ConnectionState, type Participant, RoomEvent, Track, type TrackPublication } from "livekit-client";
import { useEffect, useState } from "react";
import { useRules } from "../host/rules";
import { wishes } from "../room/devices";
import type { Status } from "../room/status";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

// Notices for everybody. They lie over the pictures, so that nothing moves.
export function Notices({ status, host }: { status: Status | null; host: boolean }) {
  const words = useWords();
  const connection = useConnectionState();
  const { canPlayAudio, startAudio } = useAudioPlayback();
  const away =
    connection === ConnectionState.Reconnecting || connection === ConnectionState.SignalReconnecting;
  return (
    <>
      <div role="status" className="notices-said">
        {connection === ConnectionState.Connecting && <p className="notice">{words.meeting.connecting}</p>}
        {away && (
          <p className="notice">
            <Icon name="warn" />
            {words.meeting.reconnecting}
          </p>
        )}
      </div>
      {!canPlayAudio && connection === ConnectionState.Connected && (
        <div className="notice">
          <span className="grow">{words.meeting.silent}</span>
          <Button small kind="primary" icon="speaker" onClick={startAudio}>
            {words.meeting.listen}
          </Button>
        </div>
      )}
      <RecordingNotice status={status} />
      <MutedNotice host={host} />
    </>
  );
}

function RecordingNotice({ status }: { status: Status | null }) {
  const words = useWords();
  const [seen, setSeen] = useState(false);
  const recording = !!status?.recording;
  if (!recording && seen) setSeen(false); // the next recording is announced again
  return (
    <div role="alert">
      {recording && !seen && (
        <div className="notice notice-record">
          <i className="record-dot" aria-hidden="true" />
          <span className="grow">
            <strong>{words.recording.told}</strong> {status.recordingNotice}
          </span>
          <Button small onClick={() => setSeen(true)}>
            {words.understood}
          </Button>
        </div>
      )}
    </div>
  );
}

// Says that another person muted the viewer, until the microphone is on again.
function MutedNotice({ host }: { host: boolean }) {
  const words = useWords();
  const rules = useRules();
  const [muted, setMuted] = useMutedByOthers();
  const anybody = rules?.everyoneCanMute && !host; // only hosts may mute hosts
  return (
    <div role="alert">
      {muted && (
        <div className="notice">
          <Icon name="micOff" />
          <span className="grow">{anybody ? words.meeting.mutedBySomebody : words.meeting.mutedByHost}</span>
          <Button small onClick={() => setMuted(false)}>
            {words.understood}
          </Button>
        </div>
      )}
    </div>
  );
}

function useMutedByOthers() {
  const meeting = useRoomContext();
  const [muted, setMuted] = useState(false);
  useEffect(() => {
    const mine = ({ source }: TrackPublication, { isLocal }: Participant) =>
      isLocal && source === Track.Source.Microphone;
    function off(publication: TrackPublication, who: Participant) {
      // A press of the button changes the wish before this event. A microphone that was unplugged has ended.
      const ended = publication.track?.mediaStreamTrack.readyState === "ended";
      if (mine(publication, who) && wishes().microphone.on && !ended) setMuted(true);
    }
    function on(publication: TrackPublication, who: Participant) {
      if (mine(publication, who)) setMuted(false);
    }
    meeting.on(RoomEvent.TrackMuted, off).on(RoomEvent.TrackUnmuted, on);
    return () => void meeting.off(RoomEvent.TrackMuted, off).off(RoomEvent.TrackUnmuted, on);
  }, [meeting]);
  return [muted, setMuted] as const;
}
