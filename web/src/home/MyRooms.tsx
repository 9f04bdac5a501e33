import { useState } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";
import { useAct } from "../app/act";
import { explain, failureOf } from "../app/failure";
import { Loading } from "../app/Layout";
import {
  DeleteRoomDocument,
  LeaveRoomDocument,
  MyRoomsDocument,
  type RoomCardFragment,
} from "../generated/operations";
import { RoomSettings } from "../settings/RoomSettings";
import { Button, look } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { useCopyLink } from "./copy";
import { NewRoom } from "./NewRoom";

export function MyRooms() {
  const words = useWords();
  const [pages, setPages] = useState<(string | null)[]>([null]);
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
      <ul className="rooms">
        {pages.map((after) => (
          <Page
            key={after}
            after={after}
            last={after === pages.at(-1)}
            onMore={(next) => setPages([...pages, next])}
            onNew={() => setMaking(true)}
          />
        ))}
      </ul>
      {making && <NewRoom onClose={() => setMaking(false)} />}
    </section>
  );
}

interface PageProps {
  after: string | null;
  last: boolean;
  onMore(after: string): void;
  onNew(): void;
}

function Page({ after, last, onMore, onNew }: PageProps) {
  const words = useWords();
  const [{ data, error }] = useQuery({
    query: MyRoomsDocument,
    variables: { after },
    requestPolicy: "cache-and-network",
    context: useRoomType(),
  });
  if (error) return <li>{<Note kind="danger">{explain(failureOf(error), words)}</Note>}</li>;
  if (!data) return <li>{<Loading />}</li>;
  const { edges, pageInfo, totalCount } = data.rooms;
  if (!totalCount) return <Empty onNew={onNew} />;
  return (
    <>
      {edges?.map((edge) => edge?.node && <Card key={edge.node.id} room={edge.node} />)}
      {last && pageInfo.hasNextPage && (
        <li>
          <Button onClick={() => onMore(pageInfo.endCursor!)}>{words.more}</Button>
        </li>
      )}
    </>
  );
}

const roomType = { additionalTypenames: ["Room"] };

// An empty list names no type by itself: this has it asked for again once there is a room.
const useRoomType = () => roomType;

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
  const host = room.viewerRole === "OWNER" || room.viewerRole === "ADMINISTRATOR";
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
        className={`${look({ kind: "quiet" })} button-icon`}
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
