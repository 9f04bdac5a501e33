import { type FormEvent, useRef, useState } from "react";
import { useAct } from "../app/act";
import {
  AdmitAllEntriesDocument,
  AdmitEntryDocument,
  type Ban,
  DenyAllEntriesDocument,
  DenyEntryDocument,
  SetLobbyMessageDocument,
  UnlockRoomDocument,
} from "../generated/operations";
import { Button, IconButton, buttonClass } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Face } from "../ui/Face";
import { TextArea } from "../ui/Field";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { Note } from "../ui/Note";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { BanDialog } from "./BanDialog";
import { useBellOn } from "./bell";
import type { Lobby, Waiting } from "./lobby";

const SHOWN = 50; // guests, at most

interface Props {
  roomId: string;
  lobby: Lobby;
  locked: boolean;
}

export function WaitingList({ roomId, lobby, locked }: Props) {
  const words = useWords();
  const [bell, ring] = useBellOn();
  const [writing, setWriting] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const { act: admitAll, busy } = useAct(AdmitAllEntriesDocument);
  const { entries, totalCount, message } = lobby;
  return (
    <section className="waiting" aria-labelledby="waiting-title">
      <div className="row">
        <h2 id="waiting-title" className="panel-title grow" tabIndex={-1} ref={heading}>
          {words.lobby.title} {totalCount > 0 && <span className="badge">{totalCount}</span>}
        </h2>
        <IconButton small icon="chat" label={words.lobby.write} onClick={() => setWriting(true)} />
        <IconButton
          small
          icon={bell ? "bell" : "bellOff"}
          label={words.lobby.bell}
          aria-pressed={bell}
          onClick={() => ring(!bell)}
        />
      </div>
      {locked && totalCount > 0 && <Unlock roomId={roomId} />}
      {message && <p className="small soft break clamp lines">{words.lobby.told(message)}</p>}
      {!totalCount && <p className="small soft">{words.lobby.nobody}</p>}
      {totalCount > 1 && !locked && (
        <Button
          small
          wide
          busy={busy}
          onClick={async () => {
            // Only the guests whom the host sees. Guests who asked since then stay in the list.
            await admitAll({ input: { roomId, entryIds: entries.slice(0, 1000).map(({ id }) => id) } });
            heading.current?.focus();
          }}
        >
          {words.lobby.admitAll(totalCount)}
        </Button>
      )}
      <DenyAll roomId={roomId} entries={entries} onDone={() => heading.current?.focus()} />
      <ul className="people-list">
        {entries.slice(0, SHOWN).map((entry) => (
          <Entry
            key={entry.id}
            roomId={roomId}
            entry={entry}
            locked={locked}
            onDecided={() => heading.current?.focus()}
          />
        ))}
      </ul>
      {totalCount > SHOWN && <p className="small soft">{words.lobby.others(totalCount - SHOWN)}</p>}
      {writing && <Message roomId={roomId} message={message} onClose={() => setWriting(false)} />}
    </section>
  );
}

// Denies all guests whom the host sees, for example when a stranger has filled the list. It asks first.
function DenyAll({ roomId, entries, onDone }: { roomId: string; entries: Waiting[]; onDone(): void }) {
  const words = useWords();
  const { act, busy, failure } = useAct(DenyAllEntriesDocument, { quiet: true });
  const [meant, setMeant] = useState<string[] | null>(null); // the guests who were there when the dialog opened
  return (
    <>
      {entries.length > 1 && (
        <Button small wide onClick={() => setMeant(entries.slice(0, 1000).map(({ id }) => id))}>
          {words.lobby.denyAll}
        </Button>
      )}
      {meant && (
        <BanDialog
          title={words.lobby.denyAllTitle(meant.length)}
          yes={words.lobby.deny}
          busy={busy}
          failure={failure}
          onYes={async (ban: Ban) => {
            if (!(await act({ input: { roomId, entryIds: meant, ban } }))) return;
            setMeant(null);
            onDone();
          }}
          onClose={() => setMeant(null)}
        />
      )}
    </>
  );
}

// Hosts cannot admit into a locked room: this offers to unlock it.
function Unlock({ roomId }: { roomId: string }) {
  const words = useWords();
  const { act, busy } = useAct(UnlockRoomDocument);
  return (
    <Note kind="warn" icon="lock">
      <div className="stack stack-s">
        <p>{words.faults.unlockFirst}</p>
        <div className="row">
          <Button small busy={busy} onClick={() => act({ input: { roomId } })}>
            {words.moderate.unlock}
          </Button>
        </div>
      </div>
    </Note>
  );
}

interface EntryProps {
  roomId: string;
  entry: Waiting;
  locked: boolean;
  onDecided(): void;
}

function Entry({ roomId, entry, locked, onDecided }: EntryProps) {
  const words = useWords();
  const { act: admit, busy: admitting } = useAct(AdmitEntryDocument);
  const { act: deny, busy: denying } = useAct(DenyEntryDocument);
  const { act: ban, busy: excluding, failure } = useAct(DenyEntryDocument, { quiet: true });
  const [banning, setBanning] = useState(false);
  const input = { roomId, entryId: entry.id };
  const busy = admitting || denying || excluding;
  async function decide(decision: Promise<unknown>) {
    if (await decision) onDecided(); // the button is about to disappear, with the focus
  }
  return (
    <li className="person person-waiting">
      <Face name={entry.displayName} color={entry.color} small />
      <div className="grow">
        <p className="break person-name">{entry.displayName}</p>
        <p className="small soft">{entry.isAuthenticated ? words.lobby.account : words.lobby.guest}</p>
      </div>
      <div className="row person-decide">
        <Button
          small
          kind="primary"
          busy={busy || locked}
          aria-label={words.lobby.admitName(entry.displayName)}
          onClick={() => void decide(admit({ input }))}
        >
          {words.lobby.admit}
        </Button>
        <Button
          small
          busy={busy}
          aria-label={words.lobby.denyName(entry.displayName)}
          onClick={() => void decide(deny({ input }))}
        >
          {words.lobby.deny}
        </Button>
        <Menu
          label={words.meeting.moreOn(entry.displayName)}
          className={`${buttonClass({ kind: "quiet", small: true })} button-icon`}
          items={[
            { label: words.lobby.denyAndBan, icon: "lock", danger: true, onSelect: () => setBanning(true) },
          ]}
        >
          <Icon name="more" />
        </Menu>
      </div>
      {banning && (
        <BanDialog
          title={words.lobby.denyTitle(entry.displayName)}
          yes={words.lobby.deny}
          busy={excluding}
          failure={failure}
          onYes={(how: Ban) => void decide(ban({ input: { ...input, ban: how } }))}
          onClose={() => setBanning(false)}
        />
      )}
    </li>
  );
}

interface MessageProps {
  roomId: string;
  message: string | null;
  onClose(): void;
}

function Message({ roomId, message, onClose }: MessageProps) {
  const words = useWords();
  const say = useSay();
  const [text, setText] = useState(message ?? "");
  const { act, busy, failure } = useAct(SetLobbyMessageDocument, { quiet: true });
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await act({ input: { roomId, message: text.trim() || null } }))) return;
    say(text.trim() ? words.lobby.written : words.lobby.erased);
    onClose();
  }
  return (
    <Dialog title={words.lobby.write} failure={failure} onClose={onClose}>
      <form className="stack stack-l" onSubmit={submit}>
        <TextArea
          label={words.lobby.message}
          hint={words.lobby.messageHint}
          value={text}
          onChange={(event) => setText(event.target.value)}
          maxLength={500}
          rows={4}
          data-autofocus
        />
        <div className="row row-end">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {words.lobby.tell}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
