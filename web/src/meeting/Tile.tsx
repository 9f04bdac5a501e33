import {
  isTrackReference,
  type TrackReferenceOrPlaceholder,
  useIsSpeaking,
  useParticipantAttribute,
  useParticipantInfo,
  useTrackMutedIndicator,
  VideoTrack,
} from "@livekit/components-react";
import { Track } from "livekit-client";
import { Face } from "../ui/Face";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

// The picture of a person or of a screen.
export function Tile({ trackRef }: { trackRef: TrackReferenceOrPlaceholder }) {
  const words = useWords();
  const { participant, source } = trackRef;
  const screen = source === Track.Source.ScreenShare;
  const { name } = useParticipantInfo({ participant });
  const speaking = useIsSpeaking(participant);
  const { isMuted: dark } = useTrackMutedIndicator(trackRef);
  const { isMuted: silent } = useTrackMutedIndicator({ participant, source: Track.Source.Microphone });
  const color = useParticipantAttribute("color", { participant });
  const hand = useParticipantAttribute("hand_raised_at", { participant });
  const shown = name || words.meeting.nobody;
  const label = participant.isLocal ? words.meeting.you(shown) : shown;
  return (
    <div className={tileClass(screen, speaking)} data-participant={participant.identity}>
      {isTrackReference(trackRef) && !dark ? (
        <VideoTrack
          trackRef={trackRef}
          tabIndex={-1} // Firefox would make it a tab stop
          className={participant.isLocal && !screen ? "tile-video mirrored" : "tile-video"}
          aria-label={screen ? words.meeting.screenOf(shown) : words.meeting.pictureOf(shown)}
        />
      ) : (
        <Face name={shown} color={color} />
      )}
      <p className="tile-name">
        {!screen && silent && (
          <>
            <Icon name="micOff" />
            <span className="unseen">{words.meeting.muted}</span>
          </>
        )}
        {screen && <Icon name="screen" />}
        <span className="clip">{screen ? words.meeting.screenOf(shown) : label}</span>
      </p>
      {hand && !screen && (
        <p className="tile-hand">
          <Icon name="hand" />
          <span className="unseen">{words.meeting.handUp}</span>
        </p>
      )}
    </div>
  );
}

function tileClass(screen: boolean, speaking: boolean) {
  return ["tile", screen && "tile-screen", speaking && !screen && "tile-speaking"].filter(Boolean).join(" ");
}
