import { useRoomContext } from "@livekit/components-react";
import { type FormEvent, useState } from "react";
import { useAct } from "../app/act";
import { RenameParticipantDocument } from "../generated/operations";
import type { Room } from "../room/admission";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { useWords } from "../words";
import { explain } from "../words/failure";

interface Props {
  room: Room;
  ticket: string;
  onClose(): void;
}

export function RenameDialog({ room, ticket, onClose }: Props) {
  const words = useWords();
  const { localParticipant } = useRoomContext();
  const [displayName, setDisplayName] = useState(localParticipant.name ?? "");
  const { act, busy, failure } = useAct(RenameParticipantDocument, { quiet: true });
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (await act({ input: { roomId: room.id, ticket, displayName } })) onClose();
  }
  return (
    <Dialog title={words.meeting.rename} onClose={onClose}>
      <form className="stack stack-l" onSubmit={submit}>
        <Field
          label={words.entrance.name}
          hint={words.meeting.renameHint}
          fault={failure && explain(failure, words)}
          value={displayName}
          onChange={(event) => setDisplayName(event.target.value)}
          maxLength={100}
          required
          data-autofocus
        />
        <div className="row row-end">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {words.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
