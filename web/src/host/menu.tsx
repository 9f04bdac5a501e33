import { lazy, Suspense } from "react";
import { useAct } from "../app/act";
import { useSession } from "../app/session";
import {
  EndMeetingDocument,
  LockRoomDocument,
  MuteAllParticipantsDocument,
  StopRecordingDocument,
  UnlockRoomDocument,
} from "../generated/operations";
import type { Room } from "../room/admission";
import type { Status } from "../room/status";
import { Confirm } from "../ui/Dialog";
import type { MenuItem } from "../ui/Menu";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { RecordDialog } from "./RecordDialog";

const RoomSettings = lazy(async () => ({ default: (await import("../settings/RoomSettings")).RoomSettings }));

export type HostDialog = "record" | "settings" | "end";

/** A host's actions on the whole meeting. */
export function useHostMenu(
  room: Room,
  status: Status | null,
  open: (dialog: HostDialog) => void,
): MenuItem[] {
  const words = useWords();
  const say = useSay();
  const { canRecord } = useSession();
  const input = { roomId: room.id };
  const { act: muteAll } = useAct(MuteAllParticipantsDocument);
  const { act: lock } = useAct(LockRoomDocument);
  const { act: unlock } = useAct(UnlockRoomDocument);
  const { act: stop } = useAct(StopRecordingDocument);
  const locked = !!status?.locked;
  const recording = !!status?.recording;
  const record: MenuItem = recording
    ? { label: words.recording.stop, icon: "stop", onSelect: () => void stop({ input }) }
    : { label: words.recording.start, icon: "record", onSelect: () => open("record") };
  return [
    {
      label: words.moderate.muteAll,
      icon: "micOff",
      apart: true,
      onSelect: async () => void ((await muteAll({ input })) && say(words.moderate.mutedAll)),
    },
    {
      label: locked ? words.moderate.unlock : words.moderate.lock,
      icon: locked ? "unlock" : "lock",
      onSelect: () => void (locked ? unlock({ input }) : lock({ input })),
    },
    ...(canRecord ? [record] : []),
    { label: words.settings.title, icon: "people", onSelect: () => open("settings") },
    { label: words.moderate.end, icon: "leave", danger: true, apart: true, onSelect: () => open("end") },
  ];
}

interface Props {
  room: Room;
  open: HostDialog;
  onClose(): void;
}

export function HostDialogs({ room, open, onClose }: Props) {
  if (open === "record") return <RecordDialog roomId={room.id} onClose={onClose} />;
  if (open === "end") return <End room={room} onClose={onClose} />;
  return (
    <Suspense>
      <RoomSettings roomId={room.id} onClose={onClose} />
    </Suspense>
  );
}

function End({ room, onClose }: Omit<Props, "open">) {
  const words = useWords();
  const { act, busy, failure } = useAct(EndMeetingDocument, { quiet: true });
  return (
    <Confirm
      title={words.moderate.endTitle}
      text={words.moderate.endText}
      yes={words.moderate.end}
      busy={busy}
      failure={failure}
      onYes={async () => void ((await act({ input: { roomId: room.id } })) && onClose())}
      onClose={onClose}
    />
  );
}
