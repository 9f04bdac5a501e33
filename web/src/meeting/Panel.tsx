import { useEffect, useEffectEvent, useRef } from "react";
import type { Lobby } from "../host/lobby";
import { WaitingList } from "../host/WaitingList";
import type { Room } from "../room/admission";
import { IconButton } from "../ui/Button";
import { Part } from "../ui/Guard";
import { Tabs } from "../ui/Tabs";
import { useWords } from "../words";
import { Chat } from "./Chat";
import { People } from "./People";
import type { Talk } from "./talk";

export type PanelTab = "people" | "chat";

interface Props {
  tab: PanelTab;
  room: Room;
  ticket: string;
  locked: boolean;
  lobby: Lobby | null;
  talk: Talk;
  onTab(tab: PanelTab): void;
  onClose(): void;
}

export function Panel({ tab, room, ticket, locked, lobby, talk, onTab, onClose }: Props) {
  const words = useWords();
  const panel = useRef<HTMLElement>(null);
  const focusOpener = useEffectEvent(() => document.getElementById(`open-${tab}`)?.focus());
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus();
    return () => focusOpener();
  }, []);
  return (
    <aside
      className="panel"
      ref={panel}
      aria-label={words.meeting.panel}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented && !onTop()) onClose();
      }}
    >
      <IconButton small icon="close" label={words.meeting.closePanel} onClick={onClose} />
      <Tabs
        label={words.meeting.panel}
        chosen={tab}
        onChoose={onTab}
        tabs={[
          { id: "people", label: words.meeting.people },
          { id: "chat", label: words.meeting.chat },
        ]}
      >
        {tab === "chat" ? (
          <Part key="chat">
            <Chat talk={talk} />
          </Part>
        ) : (
          <>
            <Part key="waiting">
              {lobby && <WaitingList roomId={room.id} lobby={lobby} locked={locked} />}
            </Part>
            <Part key="people">
              <People room={room} ticket={ticket} />
            </Part>
          </>
        )}
      </Tabs>
    </aside>
  );
}

// Escape closes the topmost element: an open menu, which is never empty, or a dialog.
const onTop = () => document.querySelector(".menu:not(:empty), dialog[open]");
