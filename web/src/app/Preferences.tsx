import { type FormEvent, useState } from "react";
import { useQuery } from "urql";
import { RevokeSessionDocument, SessionsDocument, UpdateViewerDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Dialog, Failed } from "../ui/Dialog";
import { Field, Select } from "../ui/Field";
import { Note } from "../ui/Note";
import { useSay } from "../ui/Toasts";
import { languageNames, useWords } from "../words";
import { explain } from "../words/failure";
import { useAct } from "./act";
import type { Viewer } from "./session";

interface Props {
  viewer: Viewer;
  onClose(): void;
}

export function Preferences({ viewer, onClose }: Props) {
  const words = useWords();
  const say = useSay();
  const [language, setLanguage] = useState(words.tag);
  const [displayName, setDisplayName] = useState(viewer.displayName ?? "");
  const { act, busy, failure } = useAct(UpdateViewerDocument, { quiet: true });
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await act({ input: { language, displayName: displayName.trim() || null } }))) return;
    say(words.saved);
    onClose();
  }
  return (
    <Dialog title={words.nav.preferences} onClose={onClose}>
      <form className="stack stack-l" onSubmit={submit}>
        <Field
          label={words.preferences.name}
          hint={words.preferences.nameHint(viewer.fullName || viewer.email)}
          fault={failure?.field === "displayName" ? explain(failure, words) : null}
          value={displayName}
          onChange={(event) => setDisplayName(event.target.value)}
          maxLength={100}
          autoComplete="name"
        />
        <Select
          label={words.preferences.language}
          value={language}
          onChange={(event) => setLanguage(event.target.value)}
        >
          {languageNames.map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </Select>
        {failure && failure.field !== "displayName" && <Note kind="danger">{explain(failure, words)}</Note>}
        <div className="row row-end">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {words.save}
          </Button>
        </div>
      </form>
      <Sessions />
    </Dialog>
  );
}

const context = { additionalTypenames: ["Session"] };

// The other browsers in which the person is signed in.
function Sessions() {
  const words = useWords();
  const [{ data }] = useQuery({ query: SessionsDocument, context, requestPolicy: "cache-and-network" });
  const { act, busy, failure } = useAct(RevokeSessionDocument, { quiet: true });
  const others = data?.viewer?.sessions.filter(({ current }) => !current) ?? [];
  if (!others.length) return null;
  return (
    <section className="sessions" aria-labelledby="sessions">
      <h3 id="sessions">{words.preferences.sessions}</h3>
      <Failed failure={failure} />
      <ul className="people-list">
        {others.map(({ id, userAgent, lastSeenAt }) => (
          <li className="person" key={id}>
            <div className="grow">
              <p className="clip small">{userAgent || words.preferences.browser}</p>
              <p className="small soft">{words.date(lastSeenAt)}</p>
            </div>
            <Button small busy={busy} onClick={() => act({ input: { sessionId: id } })}>
              {words.nav.signOut}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
