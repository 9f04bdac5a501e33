import { type FormEvent, useState } from "react";
import { useAct } from "../app/act";
import { linkTo, useCopyLink } from "../app/copy";
import { useSession } from "../app/session";
import { InviteToRoomDocument, type RoomSettingsFragment } from "../generated/operations";
import { Button } from "../ui/Button";
import { Field, Select, TextArea } from "../ui/Field";
import { Note } from "../ui/Note";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { explain } from "../words/failure";
import { addressesIn } from "./addresses";

// The link, and invitations by e-mail.
export function Invite({ room }: { room: RoomSettingsFragment }) {
  const words = useWords();
  const say = useSay();
  const copy = useCopyLink();
  const { canInvite } = useSession();
  const [text, setText] = useState("");
  const [role, setRole] = useState<"" | "MEMBER" | "ADMINISTRATOR">("");
  const { act, busy, failure } = useAct(InviteToRoomDocument, { quiet: true });
  const [sent, setSent] = useState("");
  async function submit(event: FormEvent) {
    event.preventDefault();
    const emails = addressesIn(text);
    setSent(text);
    const done = await act({ input: { roomId: room.id, emails, role: role || null } });
    if (!done) return;
    say(words.settings.invited(done.inviteToRoom.invited.length));
    setText("");
  }
  const bad = failure?.field === "emails" && sent === text && failure.indexes;
  const mail = failure?.code === "CONFLICT" ? words.settings.noMail : failure && explain(failure, words);
  return (
    <div className="stack stack-l">
      <div className="invite-link">
        <Field
          label={words.settings.link}
          value={linkTo(room.slug)}
          readOnly
          onFocus={(event) => event.target.select()}
        />
        <Button icon="copy" onClick={() => copy(room.slug)}>
          {words.copyLink}
        </Button>
      </div>
      {canInvite ? (
        <form className="stack stack-l" onSubmit={submit}>
          <TextArea
            label={words.settings.emails}
            hint={words.settings.emailsHint}
            value={text}
            onChange={(event) => setText(event.target.value)}
            rows={3}
            required
          />
          {bad ? <Bad emails={addressesIn(sent)} indexes={bad} onRest={setText} /> : null}
          <Select
            label={words.settings.role}
            value={role}
            onChange={(event) => setRole(event.target.value as typeof role)}
          >
            <option value="">{words.settings.noRole}</option>
            <option value="MEMBER">{words.roles.MEMBER}</option>
            <option value="ADMINISTRATOR">{words.roles.ADMINISTRATOR}</option>
          </Select>
          {mail && !failure?.indexes && <Note kind="danger">{mail}</Note>}
          <div className="row row-end">
            <Button type="submit" kind="primary" icon="mail" busy={busy}>
              {words.settings.send}
            </Button>
          </div>
        </form>
      ) : (
        <p className="small soft">{words.settings.noMail}</p>
      )}
    </div>
  );
}

interface BadProps {
  emails: string[];
  indexes: number[];
  onRest(text: string): void;
}

// The addresses that the server refused, and a button that keeps the others.
function Bad({ emails, indexes, onRest }: BadProps) {
  const words = useWords();
  const rest = emails.filter((_, i) => !indexes.includes(i));
  return (
    <Note kind="danger">
      <p>{words.settings.badEmails(indexes.length)}</p>
      <ul className="bad-emails">
        {indexes.map((i) => (
          <li key={i} className="break">
            {emails[i]}
          </li>
        ))}
      </ul>
      {rest.length > 0 && (
        <Button small onClick={() => onRest(rest.join("\n"))}>
          {words.settings.keepRest(rest.length)}
        </Button>
      )}
    </Note>
  );
}
