import { useState } from "react";
import { useQuery } from "urql";
import { Loading } from "../app/Layout";
import { RoomSettingsDocument } from "../generated/operations";
import { Dialog } from "../ui/Dialog";
import { Tabs } from "../ui/Tabs";
import { Trouble } from "../ui/Trouble";
import { useWords } from "../words";
import { Accesses } from "./Accesses";
import { Bans } from "./Bans";
import { General } from "./General";
import { Invite } from "./Invite";

interface Props {
  roomId: string;
  onClose(): void;
}

type Tab = "general" | "people" | "invite" | "bans";

// A room's settings, for its hosts.
export function RoomSettings({ roomId, onClose }: Props) {
  const words = useWords();
  const [tab, setTab] = useState<Tab>("general");
  const [{ data, error }, again] = useQuery({ query: RoomSettingsDocument, variables: { id: roomId } });
  const room = data?.room;
  return (
    <Dialog title={words.settings.title} wide onClose={onClose}>
      <Tabs
        label={words.settings.title}
        chosen={tab}
        onChoose={setTab}
        tabs={[
          { id: "general", label: words.settings.general },
          { id: "people", label: words.settings.people },
          { id: "invite", label: words.settings.invite },
          { id: "bans", label: words.settings.bans },
        ]}
      >
        <div className="settings">
          {error && <Trouble error={error} onAgain={() => again({ requestPolicy: "network-only" })} />}
          {!room && !error && <Loading />}
          {room && tab === "general" && <General room={room} />}
          {room && tab === "people" && <Accesses roomId={roomId} />}
          {room && tab === "invite" && <Invite room={room} />}
          {room && tab === "bans" && <Bans roomId={roomId} />}
        </div>
      </Tabs>
    </Dialog>
  );
}
