import {
  RoomAudioRenderer,
  RoomContext,
  useParticipantAttribute,
  useRoomContext,
} from "@livekit/components-react";
import { useEffect, useRef, useState } from "react";
import { useQuery } from "urql";
import { useTitle } from "../app/title";
import { RoomDocument } from "../generated/operations";
import { Announcement } from "../host/Announcement";
import { KnockBanner } from "../host/KnockBanner";
import { useLobby } from "../host/lobby";
import { SignedOut } from "../host/SignedOut";
import type { Room } from "../room/admission";
import { Connecting } from "../room/Connecting";
import { isHost } from "../room/rank";
import type { Details, Leaving } from "../room/stage";
import { useStatus } from "../room/status";
import { Guard, Part } from "../ui/Guard";
import { useWords } from "../words";
import { Bar } from "./Bar";
import { useConnection } from "./connection";
import { Head } from "./Head";
import { Notices } from "./Notices";
import { Panel, type PanelTab } from "./Panel";
import { Stage } from "./Stage";
import { useTalk } from "./talk";
import "../style/meeting.css";
import "./missing";

interface Props {
  room: Room;
  details: Details;
  ticket: string;
  onLeft(how: Leaving): void;
}

export default function Meeting(props: Props) {
  const meeting = useConnection(props.details, props.onLeft);
  if (!meeting) return <Connecting name={props.room.name} />;
  return (
    <RoomContext value={meeting}>
      <Part>
        <Inside {...props} />
      </Part>
      <Guard>
        <RoomAudioRenderer />
      </Guard>
    </RoomContext>
  );
}

function Inside({ room, ticket }: Props) {
  const words = useWords();
  const host = isHost(room.viewerRole);
  const [panel, setPanel] = useState<PanelTab | null>(null);
  const status = useStatus(room.id, ticket);
  const { lobby, signedOut } = useLobby(room.id, host);
  const talk = useTalk(panel === "chat");
  const waiting = lobby?.totalCount ?? 0;
  useRoleOf(room);
  useTitle(waiting ? `(${waiting}) ${room.name}` : room.name);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);

  return (
    <div className={panel ? "meeting stage meeting-with-panel" : "meeting stage"}>
      <Part>
        <Head ref={heading} room={room} status={status} />
      </Part>
      <main className="meeting-stage" aria-label={words.meeting.stage}>
        <Part>
          <Stage />
        </Part>
        <div className="notices">
          <Part>
            <Notices status={status} host={host} />
          </Part>
          <div role="alert">{signedOut && <SignedOut />}</div>
          <Part>
            {lobby && panel !== "people" && (
              <KnockBanner
                roomId={room.id}
                lobby={lobby}
                locked={!!status?.locked}
                onShow={() => setPanel("people")}
              />
            )}
          </Part>
        </div>
        <Guard>{lobby && <Announcement entries={lobby.entries} />}</Guard>
        <p className="unseen" role="status">
          {talk.unread > 0 && words.chat.from(talk.messages.at(-1)?.from?.name || words.meeting.nobody)}
        </p>
      </main>
      <Bar
        room={room}
        ticket={ticket}
        host={host}
        status={status}
        waiting={waiting}
        unread={talk.unread}
        panel={panel}
        onPanel={setPanel}
      />
      {panel && (
        <Panel
          tab={panel}
          room={room}
          ticket={ticket}
          locked={!!status?.locked}
          lobby={lobby}
          talk={talk}
          onTab={setPanel}
          onClose={() => setPanel(null)}
        />
      )}
    </div>
  );
}

// Reads the room again when the viewer's role changes during the meeting.
function useRoleOf({ slug, viewerRole }: Room) {
  const meeting = useRoomContext();
  const role = useParticipantAttribute("room_role", { participant: meeting.localParticipant });
  const [, again] = useQuery({ query: RoomDocument, variables: { slug }, pause: true });
  useEffect(() => {
    const known = viewerRole?.toLowerCase() ?? "";
    if (role !== undefined && role !== known && meeting.state === "connected")
      again({ requestPolicy: "network-only" });
  }, [role, viewerRole, meeting, again]);
}
