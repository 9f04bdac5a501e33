import {
  useIsSpeaking,
  useParticipantAttributes,
  useParticipantInfo,
  useParticipants,
  useTrackMutedIndicator,
} from "@livekit/components-react";
import { type Participant, Track } from "livekit-client";
import { ParticipantMenu } from "../host/ParticipantMenu";
import type { Room } from "../room/admission";
import { rankOf } from "../room/rank";
import { Face } from "../ui/Face";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

interface Props {
  room: Room;
  ticket: string;
}

export function People({ room, ticket }: Props) {
  const words = useWords();
  const people = [...useParticipants()].sort(byPlace);
  return (
    <section className="people" aria-labelledby="people-title">
      <h2 id="people-title" className="panel-title">
        {words.meeting.inMeeting(people.length)}
      </h2>
      <ul className="people-list">
        {people.map((participant) => (
          <Person key={participant.identity} participant={participant} room={room} ticket={ticket} />
        ))}
      </ul>
    </section>
  );
}

// Raised hands first, the earliest at the top; then the viewer, hosts, and all others by name.
function byPlace(a: Participant, b: Participant) {
  const hand = ({ attributes }: Participant) => attributes.hand_raised_at || "~";
  const rank = ({ isLocal, attributes }: Participant) => (isLocal ? -9 : -rankOf(attributes.room_role));
  return (
    (hand(a) < hand(b) ? -1 : hand(a) > hand(b) ? 1 : 0) ||
    rank(a) - rank(b) ||
    (a.name ?? "").localeCompare(b.name ?? "")
  );
}

function Person({ participant, room, ticket }: Props & { participant: Participant }) {
  const words = useWords();
  const { name } = useParticipantInfo({ participant });
  const attributes = useParticipantAttributes({ participant }).attributes ?? {};
  const speaking = useIsSpeaking(participant);
  const { isMuted: silent } = useTrackMutedIndicator({ participant, source: Track.Source.Microphone });
  const { isMuted: dark } = useTrackMutedIndicator({ participant, source: Track.Source.Camera });
  const shown = name || words.meeting.nobody;
  const role = attributes.room_role?.toUpperCase() as keyof typeof words.roles | "" | undefined;
  return (
    <li className="person">
      <Face name={shown} color={attributes.color} small />
      <div className="grow">
        <p className="clip person-name">{participant.isLocal ? words.meeting.you(shown) : shown}</p>
        {role && <p className="small soft">{words.roles[role]}</p>}
      </div>
      {attributes.hand_raised_at && <Sign icon="hand" label={words.meeting.handUp} lit />}
      <Sign
        icon={silent ? "micOff" : "mic"}
        label={silent ? words.meeting.muted : words.meeting.unmuted}
        lit={speaking && !silent}
      />
      {dark && <Sign icon="cameraOff" label={words.meeting.dark} />}
      <ParticipantMenu
        participant={participant}
        name={shown}
        silent={silent}
        dark={dark}
        room={room}
        ticket={ticket}
      />
    </li>
  );
}

function Sign({
  icon,
  label,
  lit = false,
}: {
  icon: "hand" | "mic" | "micOff" | "cameraOff";
  label: string;
  lit?: boolean;
}) {
  return (
    <span className={lit ? "sign sign-lit" : "sign"}>
      <Icon name={icon} />
      <span className="unseen">{label}</span>
    </span>
  );
}
