import {
  useLocalParticipantPermissions,
  useParticipantAttribute,
  useRoomContext,
  useTrackToggle,
} from "@livekit/components-react";
import { Track } from "livekit-client";
import { type ReactNode, useState } from "react";
import { useAct } from "../app/act";
import { RaiseHandDocument } from "../generated/operations";
import { HostDialogs, type HostDialog, useHostMenu } from "../host/menu";
import type { Room } from "../room/admission";
import { remember } from "../room/devices";
import type { Status } from "../room/status";
import { Dialog } from "../ui/Dialog";
import { Guard } from "../ui/Guard";
import { Icon, type IconName } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useComplain } from "../ui/Toasts";
import { useWords } from "../words";
import { DevicesDialog } from "./DevicesDialog";
import type { PanelTab } from "./Panel";
import { RenameDialog } from "./RenameDialog";

interface Props {
  room: Room;
  ticket: string;
  host: boolean;
  status: Status | null;
  waiting: number;
  unread: number;
  panel: PanelTab | null;
  onPanel(panel: PanelTab | null): void;
}

export function Bar({ room, ticket, host, status, waiting, unread, panel, onPanel }: Props) {
  const words = useWords();
  const meeting = useRoomContext();
  const flip = (tab: PanelTab) => onPanel(panel === tab ? null : tab);
  return (
    <nav className="meeting-bar" aria-label={words.meeting.controls}>
      <Guard>
        <Microphone />
      </Guard>
      <Guard>
        <Camera />
      </Guard>
      <Guard>
        <Screen />
      </Guard>
      <Guard>
        <Hand room={room} ticket={ticket} />
      </Guard>
      <Control
        icon="chat"
        label={unread ? words.meeting.chatUnread(unread) : words.meeting.chat}
        expanded={panel === "chat"}
        badge={unread}
        onClick={() => flip("chat")}
        id="open-chat"
      />
      <Control
        icon="people"
        label={waiting ? words.meeting.peopleWaiting(waiting) : words.meeting.people}
        expanded={panel === "people"}
        badge={waiting}
        onClick={() => flip("people")}
        id="open-people"
      />
      <Guard>
        <More room={room} ticket={ticket} host={host} status={status} />
      </Guard>
      <Control
        icon="leave"
        label={words.meeting.leave}
        className="control-leave"
        onClick={() => meeting.disconnect()}
      />
    </nav>
  );
}

interface ControlProps {
  icon: IconName;
  label: string;
  /** Whether it looks switched on. The label says what a press does. */
  lit?: boolean;
  /** Whether the panel that it opens is open. */
  expanded?: boolean;
  className?: string;
  badge?: number;
  disabled?: boolean;
  id?: string;
  onClick(): void;
}

export function Control({ icon, label, lit, expanded, className = "", badge = 0, ...rest }: ControlProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`control ${lit || expanded ? "control-on" : ""} ${className}`}
      aria-label={label}
      aria-expanded={expanded}
      title={label}
    >
      <Icon name={icon} />
      {badge > 0 && <Badge>{badge > 99 ? "99+" : badge}</Badge>}
    </button>
  );
}

const Badge = ({ children }: { children: ReactNode }) => (
  <span className="badge control-badge" aria-hidden="true">
    {children}
  </span>
);

type Sending = Track.Source.Microphone | Track.Source.Camera | Track.Source.ScreenShare;

const numbers: Record<Sending, number> = {
  [Track.Source.Camera]: 1,
  [Track.Source.Microphone]: 2,
  [Track.Source.ScreenShare]: 3,
};

/** Whether the person may publish this source. True until LiveKit has sent the permissions. */
function useMaySend(source: Sending) {
  const permission = useLocalParticipantPermissions();
  if (!permission) return true;
  const { canPublish, canPublishSources: sources } = permission;
  return canPublish && (!sources.length || sources.includes(numbers[source] as never));
}

function Microphone() {
  const words = useWords();
  return (
    <Device
      source={Track.Source.Microphone}
      kind="microphone"
      icons={["mic", "micOff"]}
      words={words.devices.microphone}
    />
  );
}

function Camera() {
  const words = useWords();
  return (
    <Device
      source={Track.Source.Camera}
      kind="camera"
      icons={["camera", "cameraOff"]}
      words={words.devices.camera}
    />
  );
}

interface DeviceProps {
  source: Track.Source.Microphone | Track.Source.Camera;
  kind: "microphone" | "camera";
  icons: [IconName, IconName];
  words: { turnOn: string; turnOff: string; forbidden: string };
}

function Device({ source, kind, icons, words }: DeviceProps) {
  const all = useWords();
  const complain = useComplain();
  const may = useMaySend(source);
  const { enabled, pending, toggle } = useTrackToggle({
    source,
    onDeviceError: () => complain(all.devices.failed),
  });
  const label = may ? (enabled ? words.turnOff : words.turnOn) : words.forbidden;
  async function flip() {
    complain(null);
    remember(kind, { on: !enabled });
    await toggle().catch(() => complain(all.devices.failed));
  }
  return (
    <Control
      icon={icons[enabled ? 0 : 1]}
      label={label}
      className={enabled ? "" : "control-off"}
      disabled={!may || pending}
      onClick={flip}
    />
  );
}

const canShare = !!navigator.mediaDevices && "getDisplayMedia" in navigator.mediaDevices;

function Screen() {
  const words = useWords();
  const may = useMaySend(Track.Source.ScreenShare);
  const { enabled, pending, toggle } = useTrackToggle({
    source: Track.Source.ScreenShare,
    captureOptions: { audio: true, selfBrowserSurface: "include" },
  });
  if (!canShare) return null;
  return (
    <Control
      icon="screen"
      label={may ? (enabled ? words.meeting.unshare : words.meeting.share) : words.meeting.shareForbidden}
      lit={enabled}
      disabled={!may || pending}
      onClick={() => void toggle().catch(() => {}) /* the person has cancelled */}
    />
  );
}

function Hand({ room, ticket }: { room: Room; ticket: string }) {
  const words = useWords();
  const { localParticipant } = useRoomContext();
  const raised = !!useParticipantAttribute("hand_raised_at", { participant: localParticipant });
  const { act, busy } = useAct(RaiseHandDocument);
  return (
    <Control
      icon="hand"
      label={raised ? words.meeting.lowerHand : words.meeting.raiseHand}
      lit={raised}
      onClick={() => void (busy || act({ input: { roomId: room.id, ticket, raised: !raised } }))}
    />
  );
}

interface MoreProps {
  room: Room;
  ticket: string;
  host: boolean;
  status: Status | null;
}

function More({ room, ticket, host, status }: MoreProps) {
  const words = useWords();
  const [open, setOpen] = useState<"devices" | "rename" | HostDialog | null>(null);
  const hostItems = useHostMenu(room, status, setOpen);
  return (
    <>
      <Menu
        label={words.meeting.more}
        className="control"
        items={[
          { label: words.devices.title, icon: "settings", onSelect: () => setOpen("devices") },
          { label: words.meeting.rename, icon: "pencil", onSelect: () => setOpen("rename") },
          ...(host ? hostItems : []),
        ]}
      >
        <Icon name="more" />
      </Menu>
      <Guard key={open} fallback={() => <BrokenDialog onClose={() => setOpen(null)} />}>
        {open === "devices" && <DevicesDialog onClose={() => setOpen(null)} />}
        {open === "rename" && <RenameDialog room={room} ticket={ticket} onClose={() => setOpen(null)} />}
        {open && open !== "devices" && open !== "rename" && (
          <HostDialogs room={room} open={open} onClose={() => setOpen(null)} />
        )}
      </Guard>
    </>
  );
}

// A dialog whose code cannot be loaded, as after a deploy, does not end the meeting.
function BrokenDialog({ onClose }: { onClose(): void }) {
  const words = useWords();
  return (
    <Dialog title={words.notFound.broken} onClose={onClose}>
      <p>{words.meeting.dialogBroken}</p>
    </Dialog>
  );
}
