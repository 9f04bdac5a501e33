import { useState } from "react";
import type { Ban } from "../generated/operations";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Choices } from "../ui/Field";
import { useWords } from "../words";
import type { Failure } from "../words/failure";

interface Props {
  title: string;
  yes: string;
  busy: boolean;
  failure: Failure | null;
  onYes(ban: Ban): void;
  onClose(): void;
}

// Asks for how long a denied or removed person is banned.
export function BanDialog({ title, yes, busy, failure, onYes, onClose }: Props) {
  const words = useWords();
  const [ban, setBan] = useState<Ban>("NONE");
  return (
    <Dialog title={title} failure={failure} onClose={onClose}>
      <Choices
        legend={words.ban.legend}
        value={ban}
        onChange={setBan}
        choices={(["NONE", "MEETING", "FOREVER"] as const).map((value) => ({
          value,
          label: words.ban[value].name,
          hint: words.ban[value].hint,
        }))}
      />
      <div className="dialog-foot">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button kind="danger" busy={busy} onClick={() => onYes(ban)}>
          {yes}
        </Button>
      </div>
    </Dialog>
  );
}
