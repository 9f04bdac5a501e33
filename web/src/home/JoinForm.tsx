import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { useLocation } from "wouter";
import { FindRoomDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { useWords } from "../words";
import { explain, failureOf } from "../words/failure";

// The server finds the room of a link or a code: the page has no rule of its own.
export function JoinForm() {
  const words = useWords();
  const client = useClient();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    const { data, error } = await client.query(FindRoomDocument, { slug: text }).toPromise();
    setBusy(false);
    if (data?.room) return go(`/${data.room.slug}`);
    const failure = error && failureOf(error);
    const none = !failure || failure.code === "NOT_FOUND" || failure.code === "INVALID";
    setFault(none ? words.join.fault : explain(failure, words));
  }
  return (
    <form className="join" onSubmit={submit} noValidate>
      <Field
        label={words.join.label}
        hint={words.join.hint}
        fault={fault}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setFault(null);
        }}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="abc-defg-hij"
      />
      <Button type="submit" kind="plain" wide busy={busy}>
        {words.join.go}
      </Button>
    </form>
  );
}
