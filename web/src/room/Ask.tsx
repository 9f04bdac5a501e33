import { type FormEvent, useState } from "react";
import { useCopyLink } from "../app/copy";
import { signInURL, useSession } from "../app/session";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { explain, type Failure } from "../words/failure";
import type { Room } from "./admission";
import type { Lock } from "./lock";
import { isHost } from "./rank";
import { Locked } from "./Standing";

interface Props {
  room: Room;
  lock: Lock;
  name: string;
  failure?: Failure;
  onName(name: string): void;
  onAsk(): void;
}

/** Asks for the person's name, and to enter. */
export function Ask({ room, lock: { locked, walksIn }, name, failure, onName, onAsk }: Props) {
  const words = useWords();
  const copy = useCopyLink();
  const [empty, setEmpty] = useState(false);
  const wrongName = failure?.field === "displayName";
  function submit(event: FormEvent) {
    event.preventDefault();
    setEmpty(!name.trim());
    if (name.trim()) onAsk();
  }
  return (
    <form className="stack stack-l" onSubmit={submit} noValidate>
      <div className="stack stack-s">
        <h1 tabIndex={-1} className="break">
          {room.name}
        </h1>
        {!locked && <p className="soft">{walksIn ? words.entrance.walkIn : words.entrance.knock}</p>}
        <Locked locked={locked} />
      </div>
      <Field
        label={words.entrance.name}
        hint={words.entrance.nameHint}
        fault={empty ? words.entrance.nameFault : wrongName ? explain(failure, words) : null}
        value={name}
        onChange={(event) => {
          onName(event.target.value);
          setEmpty(false);
        }}
        autoComplete="name"
        maxLength={100}
        required
      />
      {failure && !wrongName && <Note kind="danger">{explain(failure, words)}</Note>}
      <Button type="submit" kind="primary" wide icon={walksIn ? "camera" : "door"}>
        {walksIn ? words.entrance.join : words.entrance.ask}
      </Button>
      {isHost(room.viewerRole) && (
        <Button wide icon="copy" onClick={() => copy(room.slug)}>
          {words.copyLink}
        </Button>
      )}
      <SignIn trusted={room.accessLevel === "TRUSTED"} />
    </form>
  );
}

function SignIn({ trusted }: { trusted: boolean }) {
  const words = useWords();
  const { viewer, canSignIn } = useSession();
  if (viewer || !canSignIn) return null;
  return (
    <p className="small soft">
      {trusted ? words.entrance.trusted : words.entrance.account} <a href={signInURL()}>{words.nav.signIn}</a>
    </p>
  );
}
