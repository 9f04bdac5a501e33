import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useAct } from "../app/act";
import { CreateRoomDocument, type RoomAccessLevel } from "../generated/operations";
import { accessChoices } from "../settings/access";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Choices, Field } from "../ui/Field";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { explain } from "../words/failure";

export function NewRoom({ onClose }: { onClose(): void }) {
  const words = useWords();
  const [, go] = useLocation();
  const [name, setName] = useState("");
  const [slug, setSlug] = useState("");
  const [accessLevel, setAccessLevel] = useState<RoomAccessLevel>("RESTRICTED");
  const { act, busy, failure } = useAct(CreateRoomDocument, { quiet: true });
  const taken = failure?.code === "CONFLICT" ? words.newRoom.taken : null;
  const fault = (field: string) => (failure?.field === field ? explain(failure, words) : null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const made = await act({ input: { name, slug: slug.trim() || null, accessLevel } });
    if (!made) return;
    onClose();
    go(`/${made.createRoom.room.slug}`);
  }
  return (
    <Dialog title={words.newRoom.title} onClose={onClose}>
      <form className="stack stack-l" onSubmit={submit}>
        <Field
          label={words.newRoom.name}
          fault={fault("name")}
          value={name}
          onChange={(event) => setName(event.target.value)}
          maxLength={200}
          required
          data-autofocus
        />
        <Choices
          legend={words.access.legend}
          value={accessLevel}
          choices={accessChoices(words)}
          onChange={setAccessLevel}
        />
        <Field
          label={words.newRoom.slug}
          hint={words.newRoom.slugHint(location.host)}
          fault={fault("slug") ?? taken}
          value={slug}
          onChange={(event) => setSlug(event.target.value)}
          maxLength={100}
          autoCapitalize="none"
          spellCheck={false}
        />
        {failure && !failure.field && !taken && <Note kind="danger">{explain(failure, words)}</Note>}
        <div className="row row-end">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {words.newRoom.make}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
