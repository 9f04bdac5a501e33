import { type FormEvent, useState } from "react";
import { useQuery } from "urql";
import { useAct } from "../app/act";
import { Loading } from "../app/Layout";
import { useSession } from "../app/session";
import {
  type AccessFragment,
  GrantRoomAccessDocument,
  RevokeRoomAccessDocument,
  RoomAccessesDocument,
  type RoomRole,
  TransferRoomOwnershipDocument,
  UpdateRoomAccessDocument,
} from "../generated/operations";
import { rankOf } from "../room/rank";
import { Button, buttonClass } from "../ui/Button";
import { Confirm, Failed } from "../ui/Dialog";
import { Face } from "../ui/Face";
import { Field, Select } from "../ui/Field";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useSay } from "../ui/Toasts";
import { Trouble } from "../ui/Trouble";
import { useWords } from "../words";
import { explain } from "../words/failure";

// The people with a role in the room.
export function Accesses({ roomId }: { roomId: string }) {
  const words = useWords();
  const [{ data, error }, again] = useQuery({
    query: RoomAccessesDocument,
    variables: { id: roomId },
    requestPolicy: "cache-and-network",
  });
  if (error) return <Trouble error={error} onAgain={() => again({ requestPolicy: "network-only" })} />;
  const accesses = data?.room?.accesses;
  if (!accesses) return <Loading />;
  const mine = data?.room?.viewerRole ?? null;
  return (
    <div className="stack stack-l">
      <Grant roomId={roomId} mine={mine} />
      <ul className="people-list" aria-label={words.settings.people}>
        {accesses.edges?.map(
          (edge) =>
            edge?.node && <Person key={edge.node.id} roomId={roomId} mine={mine} access={edge.node} />,
        )}
      </ul>
      {accesses.pageInfo.hasNextPage && <p className="soft small">{words.settings.first(100)}</p>}
    </div>
  );
}

interface GrantProps {
  roomId: string;
  mine: RoomRole | null;
}

function Grant({ roomId, mine }: GrantProps) {
  const words = useWords();
  const say = useSay();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<RoomRole>("MEMBER");
  const { act, busy, failure } = useAct(GrantRoomAccessDocument, { quiet: true });
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await act({ input: { roomId, email: email.trim(), role } }))) return;
    say(words.settings.granted(email.trim(), words.roles[role]));
    setEmail("");
  }
  const roles: RoomRole[] =
    mine === "OWNER" ? ["MEMBER", "ADMINISTRATOR", "OWNER"] : ["MEMBER", "ADMINISTRATOR"];
  return (
    <form className="grant" onSubmit={submit}>
      <Field
        label={words.settings.email}
        inputMode="email"
        spellCheck={false}
        fault={failure && explain(failure, words)}
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        autoComplete="off"
        required
      />
      <Select
        label={words.settings.role}
        value={role}
        onChange={(event) => setRole(event.target.value as RoomRole)}
      >
        {roles.map((role) => (
          <option key={role} value={role}>
            {words.roles[role]}
          </option>
        ))}
      </Select>
      <Button type="submit" kind="primary" icon="plus" busy={busy}>
        {words.settings.add}
      </Button>
    </form>
  );
}

interface PersonProps {
  roomId: string;
  mine: RoomRole | null;
  access: AccessFragment;
}

function Person({ roomId, mine, access }: PersonProps) {
  const words = useWords();
  const { viewer } = useSession();
  const [handing, setHanding] = useState(false);
  const { user, role } = access;
  const name = user.fullName || user.email || words.meeting.nobody;
  const self = user.id === viewer?.id;
  const { act: update, failure: unchanged } = useAct(UpdateRoomAccessDocument, { quiet: true });
  const { act: revoke, failure: unrevoked } = useAct(RevokeRoomAccessDocument, { quiet: true });
  const who = { roomId, userId: user.id };
  const owner = mine === "OWNER";
  const mayChange = !self && (owner || rankOf(role) < rankOf("ADMINISTRATOR"));
  const become = (to: RoomRole) => ({
    label: words.settings.make[to],
    icon: "people" as const,
    onSelect: () => void update({ input: { ...who, role: to } }),
  });
  return (
    <li className="person person-failing">
      <Face name={name} small />
      <div className="grow">
        <p className="clip person-name">{self ? words.meeting.you(name) : name}</p>
        <p className="small soft clip">{user.fullName ? user.email : words.settings.notYet}</p>
      </div>
      <span className={role === "MEMBER" ? "tag" : "tag tag-accent"}>{words.roles[role]}</span>
      {mayChange && (
        <Menu
          label={words.meeting.moreOn(name)}
          className={`${buttonClass({ kind: "quiet", small: true })} button-icon`}
          items={[
            role !== "ADMINISTRATOR" && become("ADMINISTRATOR"),
            owner && role !== "MEMBER" && become("MEMBER"),
            owner && role !== "OWNER" && become("OWNER"),
            owner &&
              role !== "OWNER" && {
                label: words.settings.transfer,
                icon: "door",
                apart: true,
                onSelect: () => setHanding(true),
              },
            {
              label: words.settings.revoke,
              icon: "trash",
              danger: true,
              apart: true,
              onSelect: () => void revoke({ input: who }),
            },
          ]}
        >
          <Icon name="more" />
        </Menu>
      )}
      <Failed failure={unrevoked ?? unchanged} />
      {handing && <HandOver {...who} name={name} onClose={() => setHanding(false)} />}
    </li>
  );
}

interface HandOverProps {
  roomId: string;
  userId: string;
  name: string;
  onClose(): void;
}

function HandOver({ roomId, userId, name, onClose }: HandOverProps) {
  const words = useWords();
  const { act, busy, failure } = useAct(TransferRoomOwnershipDocument, { quiet: true });
  return (
    <Confirm
      title={words.settings.transfer}
      text={words.settings.transferText(name)}
      yes={words.settings.transfer}
      busy={busy}
      failure={failure}
      onYes={async () => void ((await act({ input: { roomId, userId } })) && onClose())}
      onClose={onClose}
    />
  );
}
