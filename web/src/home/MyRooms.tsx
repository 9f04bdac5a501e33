import { useState } from "react";
import { Link } from "wouter";
import { useAct } from "../app/act";
import { useCopyLink } from "../app/copy";
import { PagedList } from "../app/PagedList";
import {
  DeleteRoomDocument,
  LeaveRoomDocument,
  MyRoomsDocument,
  type RoomCardFragment,
} from "../generated/operations";
import { isHost } from "../room/rank";
import { RoomSettings } from "../settings/RoomSettings";
import { Button, buttonClass } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useWords } from "../words";
import { NewRoom } from "./NewRoom";

// An empty list names no type: with this the cache fetches it again after the first room was created.
const context = { additionalTypenames: ["Room"] };

export function MyRooms() {
  const words = useWords();
  const [making, setMaking] = useState(false);
  return (
    <section className="mine-rooms" aria-labelledby="my-rooms">
      <div className="row">
        <h2 id="my-rooms" className="grow">
          {words.home.rooms}
        </h2>
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          {words.newRoom.title}
        </Button>
      </div>
      <PagedList
        className="rooms"
        query={MyRoomsDocument}
        context={context}
        connection={({ rooms }) => rooms}
        row={(room) => <Card room={room} />}
        empty={<Empty onNew={() => setMaking(true)} />}
      />
      {making && <NewRoom onClose={() => setMaking(false)} />}
    </section>
  );
}

function Empty({ onNew }: { onNew(): void }) {
  const words = useWords();
  return (
    <li className="rooms-empty">
      <Icon name="door" />
      <p className="soft">{words.home.empty}</p>
      <Button icon="plus" onClick={onNew}>
        {words.home.first}
      </Button>
    </li>
  );
}

function Card({ room }: { room: RoomCardFragment }) {
  const words = useWords();
  const copy = useCopyLink();
  const [open, setOpen] = useState<"settings" | "delete" | "leave" | null>(null);
  const host = isHost(room.viewerRole);
  return (
    <li className="room">
      <div className="grow">
        <h3 className="clip">
          <Link href={`/${room.slug}`} className="room-name">
            {room.name}
          </Link>
        </h3>
        <p className="row row-wrap room-facts">
          <span className="mono soft break">{room.slug}</span>
          {room.viewerRole && <span className="tag tag-accent">{words.roles[room.viewerRole]}</span>}
          <span className="tag">{words.access.tags[room.accessLevel]}</span>
        </p>
      </div>
      <Menu
        label={words.home.more(room.name)}
        className={`${buttonClass({ kind: "quiet" })} button-icon`}
        items={[
          { label: words.copyLink, icon: "copy", onSelect: () => copy(room.slug) },
          host && { label: words.settings.title, icon: "settings", onSelect: () => setOpen("settings") },
          room.viewerRole !== "OWNER" && {
            label: words.home.leave,
            icon: "leave",
            apart: true,
            onSelect: () => setOpen("leave"),
          },
          room.viewerRole === "OWNER" && {
            label: words.home.delete,
            icon: "trash",
            danger: true,
            apart: true,
            onSelect: () => setOpen("delete"),
          },
        ]}
      >
        <Icon name="more" />
      </Menu>
      {open === "settings" && <RoomSettings roomId={room.id} onClose={() => setOpen(null)} />}
      {open === "delete" && <Delete room={room} onClose={() => setOpen(null)} />}
      {open === "leave" && <Leave room={room} onClose={() => setOpen(null)} />}
    </li>
  );
}

interface Asked {
  room: RoomCardFragment;
  onClose(): void;
}

function Delete({ room, onClose }: Asked) {
  const words = useWords();
  const { act, busy, failure } = useAct(DeleteRoomDocument, { quiet: true });
  return (
    <Confirm
      title={words.home.deleteTitle(room.name)}
      text={words.home.deleteText}
      yes={words.home.delete}
      busy={busy}
      failure={failure}
      onYes={async () => void ((await act({ input: { roomId: room.id } })) && onClose())}
      onClose={onClose}
    />
  );
}

function Leave({ room, onClose }: Asked) {
  const words = useWords();
  const { act, busy, failure } = useAct(LeaveRoomDocument, { quiet: true });
  return (
    <Confirm
      title={words.home.leaveTitle(room.name)}
      text={words.home.leaveText}
      yes={words.home.leave}
      busy={busy}
      failure={failure}
      onYes={async () => void ((await act({ input: { roomId: room.id } })) && onClose())}
      onClose={onClose}
    />
  );
}
