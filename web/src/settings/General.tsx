import { type FormEvent, useState } from "react";
import { useAct } from "../app/act";
import { type PublishSource, type RoomSettingsFragment, UpdateRoomDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Check, Choices, Field } from "../ui/Field";
import { Note } from "../ui/Note";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { explain } from "../words/failure";
import { accessChoices } from "./access";

const sending = ["MICROPHONE", "CAMERA", "SCREEN_SHARE"] as const;

export function General({ room }: { room: RoomSettingsFragment }) {
  const words = useWords();
  const say = useSay();
  const [name, setName] = useState(room.name);
  const [accessLevel, setAccessLevel] = useState(room.accessLevel);
  const [rules, setRules] = useState(() => ({
    publishSources: room.configuration?.publishSources ?? null,
    everyoneCanMute: room.configuration?.everyoneCanMute ?? true,
    dataAllowed: room.configuration?.dataAllowed ?? true,
  }));
  const { act, busy, failure } = useAct(UpdateRoomDocument, { quiet: true });

  const sends = (source: PublishSource) => rules.publishSources?.includes(source) ?? true;
  function allow(source: PublishSource, may: boolean) {
    const now = rules.publishSources ?? [...sending, "SCREEN_SHARE_AUDIO" as const];
    const sound = source === "SCREEN_SHARE" ? (["SCREEN_SHARE_AUDIO"] as const) : [];
    const these: PublishSource[] = [source, ...sound];
    const others = now.filter((other) => !these.includes(other));
    setRules({ ...rules, publishSources: may ? [...others, ...these] : others });
  }
  async function submit(event: FormEvent) {
    event.preventDefault();
    const done = await act({ input: { roomId: room.id, name, accessLevel, configuration: rules } });
    if (done) say(done.updateRoom.synced ? words.saved : words.settings.later);
  }
  return (
    <form className="stack stack-l" onSubmit={submit}>
      <Field
        label={words.newRoom.name}
        fault={failure?.field === "name" ? explain(failure, words) : null}
        value={name}
        onChange={(event) => setName(event.target.value)}
        maxLength={200}
        required
      />
      <Choices
        legend={words.access.legend}
        value={accessLevel}
        choices={accessChoices(words)}
        onChange={setAccessLevel}
      />
      <fieldset>
        <legend className="legend">{words.settings.guestsMay}</legend>
        {sending.map((source) => (
          <Check
            key={source}
            label={words.settings.sources[source]}
            checked={sends(source)}
            onChange={(event) => allow(source, event.target.checked)}
          />
        ))}
        <Check
          label={words.settings.data}
          checked={rules.dataAllowed}
          onChange={(event) => setRules({ ...rules, dataAllowed: event.target.checked })}
        />
        <Check
          label={words.settings.mute}
          checked={rules.everyoneCanMute}
          onChange={(event) => setRules({ ...rules, everyoneCanMute: event.target.checked })}
        />
      </fieldset>
      {failure && failure.field !== "name" && <Note kind="danger">{explain(failure, words)}</Note>}
      <div className="row row-end">
        <Button type="submit" kind="primary" busy={busy}>
          {words.save}
        </Button>
      </div>
    </form>
  );
}
