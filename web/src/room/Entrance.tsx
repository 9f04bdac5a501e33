import { useState } from "react";
import { Layout } from "../app/Layout";
import { Message } from "../app/Message";
import { nameOf, useSession } from "../app/session";
import { browser } from "../app/storage";
import { Guard } from "../ui/Guard";
import { useWords } from "../words";
import { type Admission, canMeet, type Room } from "./admission";
import { Ask } from "./Ask";
import { useDevices } from "./devices";
import { useLock } from "./lock";
import { Over } from "./Over";
import { Preview } from "./Preview";
import { Asking, Waiting } from "./Waiting";

const NAME = "foyer:name";

interface Props {
  room: Room;
  admission: Admission;
}

/** Everything around the meeting: the way in, and how it ended. */
export function Entrance({ room, admission }: Props) {
  const words = useWords();
  const { viewer } = useSession();
  const { stage } = admission;
  const [name, setName] = useState(() => (viewer ? nameOf(viewer) : (browser.getItem(NAME) ?? "")));

  function ask() {
    if (!viewer) browser.setItem(NAME, name.trim());
    admission.ask(name.trim());
  }
  if (stage.at === "over") {
    return (
      <Layout title={room.name} narrow>
        <Over room={room} why={stage.why} again={stage.again} onAsk={ask} onReset={admission.reset} />
      </Layout>
    );
  }
  // Said before the person asks: nobody should wait for a meeting that their browser cannot hold.
  if (!canMeet()) return <Message title={room.name} text={words.entrance.noMeetings} />;
  return (
    <Layout title={stage.at === "waiting" ? words.waiting.tab(room.name) : room.name}>
      <WayIn room={room} admission={admission} name={name} onName={setName} onAsk={ask} />
    </Layout>
  );
}

interface WayInProps extends Props {
  name: string;
  onName(name: string): void;
  onAsk(): void;
}

// The preview on one side, the stage of the admission on the other.
function WayIn({ room, admission: { stage, giveUp }, name, onName, onAsk }: WayInProps) {
  const { devices, state } = useDevices();
  const entry = stage.at === "waiting" ? stage.entry : undefined;
  const lock = useLock(room, stage.at === "preview" || stage.at === "waiting", entry?.version);
  return (
    <div className="entrance">
      <Guard>
        <Preview name={name} devices={devices} state={state} />
      </Guard>
      <section className="entrance-side">
        {stage.at === "preview" && (
          <Ask room={room} lock={lock} name={name} failure={stage.failure} onName={onName} onAsk={onAsk} />
        )}
        {stage.at === "asking" && <Asking room={room} trouble={stage.trouble} onGiveUp={giveUp} />}
        {stage.at === "waiting" && (
          <Waiting room={room} locked={lock.locked} stage={stage} onGiveUp={giveUp} />
        )}
      </section>
    </div>
  );
}
