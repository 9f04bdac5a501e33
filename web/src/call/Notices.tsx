import { useAudioPlayback, useConnectionState } from "@livekit/components-react";
import { ConnectionState } from "livekit-client";
import { useEffect, useState } from "react";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";
import type { Status } from "./status";

// What everybody has to know, over the pictures: nothing moves because of it.
export function Notices({ status }: { status: Status | null }) {
  const words = useWords();
  const connection = useConnectionState();
  const { canPlayAudio, startAudio } = useAudioPlayback();
  const away =
    connection === ConnectionState.Reconnecting || connection === ConnectionState.SignalReconnecting;
  return (
    <div className="notices">
      <div role="status" className="notices-said">
        {connection === ConnectionState.Connecting && <p className="notice">{words.call.connecting}</p>}
        {away && (
          <p className="notice">
            <Icon name="warn" />
            {words.call.reconnecting}
          </p>
        )}
      </div>
      {!canPlayAudio && connection === ConnectionState.Connected && (
        <div className="notice">
          <span className="grow">{words.call.silent}</span>
          <Button small kind="primary" icon="speaker" onClick={startAudio}>
            {words.call.listen}
          </Button>
        </div>
      )}
      <RecordingNotice status={status} />
    </div>
  );
}

function RecordingNotice({ status }: { status: Status | null }) {
  const words = useWords();
  const [seen, setSeen] = useState(false);
  const recording = !!status?.recording;
  useEffect(() => {
    if (!recording) setSeen(false);
  }, [recording]);
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
