import { type FormEvent, useState } from "react";
import { useAct } from "../app/act";
import { type RecordingMode, StartRecordingDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Check, Choices } from "../ui/Field";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { explain } from "../words/failure";

interface Props {
  roomId: string;
  onClose(): void;
}

export function RecordDialog({ roomId, onClose }: Props) {
  const words = useWords();
  const [mode, setMode] = useState<RecordingMode>("SCREEN");
  const [transcribe, setTranscribe] = useState(false);
  const { act, busy, failure } = useAct(StartRecordingDocument, { quiet: true });
  async function submit(event: FormEvent) {
    event.preventDefault();
    const language = transcribe ? words.tag : null;
    if (await act({ input: { roomId, mode, options: { transcribe, language } } })) onClose();
  }
  return (
    <Dialog title={words.recording.title} onClose={onClose}>
      <form className="stack stack-l" onSubmit={submit}>
        <Note icon="people">{words.recording.everybodyIsTold}</Note>
        <Choices
          legend={words.recording.what}
          value={mode}
          onChange={setMode}
          choices={(["SCREEN", "AUDIO"] as const).map((value) => ({
            value,
            label: words.recording.modes[value].name,
            hint: words.recording.modes[value].hint,
          }))}
        />
        <Check
          label={words.recording.transcribe}
          checked={transcribe}
          onChange={(event) => setTranscribe(event.target.checked)}
        />
        {failure && (
          <Note kind="danger">
            {failure.code === "UNAVAILABLE" ? words.recording.off : explain(failure, words)}
          </Note>
        )}
        <div className="row row-end">
          <Button onClick={onClose}>{words.cancel}</Button>
          <Button type="submit" kind="primary" icon="record" busy={busy}>
            {words.recording.go}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
