import { useParticipantAttributes } from "@livekit/components-react";
import type { Participant } from "livekit-client";
import { useState } from "react";
import { useAct } from "../app/act";
import {
  MuteParticipantDocument,
  type PublishSource,
  RemoveParticipantDocument,
  ReturnToLobbyDocument,
  type RoomRole,
  SetParticipantRoleDocument,
  UpdateParticipantDocument,
} from "../generated/operations";
import type { Room } from "../room/admission";
import { isHost, rankOf } from "../room/rank";
import { buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { BanDialog } from "./BanDialog";
import { useRules } from "./rules";

interface Props {
  participant: Participant;
  name: string;
  silent: boolean;
  dark: boolean;
  room: Room;
  ticket: string;
}

// The viewer's actions on a participant. Without any, there is no menu.
export function ParticipantMenu({ participant, name, silent, dark, room, ticket }: Props) {
  const words = useWords();
  const say = useSay();
  const rules = useRules();
  const attributes = useParticipantAttributes({ participant }).attributes ?? {};
  const [removing, setRemoving] = useState(false);
  const { act: mute } = useAct(MuteParticipantDocument);
  const { act: update } = useAct(UpdateParticipantDocument);
  const { act: giveBack } = useAct(ReturnToLobbyDocument);
  const { act: setRole } = useAct(SetParticipantRoleDocument);
  const { act: remove, busy, failure } = useAct(RemoveParticipantDocument, { quiet: true });

  const host = isHost(room.viewerRole);
  const rank = rankOf(attributes.room_role);
  const below = host && rank < rankOf(room.viewerRole);
  const mayMute = host || (rules?.everyoneCanMute === true && rank < rankOf("ADMINISTRATOR"));
  const who = { roomId: room.id, participantId: participant.identity };
  const silence = (source: PublishSource) =>
    mute({ input: { ...who, source, ticket: host ? null : ticket } });
  async function become(role: RoomRole) {
    if (await setRole({ input: { ...who, role } })) say(words.moderate.became(name, words.roles[role]));
  }

  if (participant.isLocal || !(mayMute || below)) return null;
  const account = attributes.is_authenticated === "true";
  return (
    <>
      <Menu
        label={words.meeting.moreOn(name)}
        className={`${buttonClass({ kind: "quiet", small: true })} button-icon`}
        items={[
          mayMute &&
            !silent && {
              label: words.moderate.mute,
              icon: "micOff",
              onSelect: () => void silence("MICROPHONE"),
            },
          host &&
            !dark && {
              label: words.moderate.darken,
              icon: "cameraOff",
              onSelect: () => void silence("CAMERA"),
            },
          host &&
            participant.isScreenShareEnabled && {
              label: words.moderate.unshare,
              icon: "screen",
              onSelect: () => void silence("SCREEN_SHARE"),
            },
          below &&
            attributes.hand_raised_at && {
              label: words.meeting.lowerHand,
              icon: "hand",
              onSelect: () =>
                void update({ input: { ...who, attributes: [{ name: "hand_raised_at", value: "" }] } }),
            },
          below &&
            account &&
            rank !== rankOf("ADMINISTRATOR") && {
              label: words.moderate.makeAdministrator,
              icon: "people",
              apart: true,
              onSelect: () => void become("ADMINISTRATOR"),
            },
          below &&
            account &&
            rank !== rankOf("MEMBER") && {
              label: words.moderate.makeMember,
              icon: "people",
              onSelect: () => void become("MEMBER"),
            },
          host &&
            rank < rankOf("ADMINISTRATOR") && {
              label: words.moderate.giveBack,
              icon: "return",
              apart: true,
              onSelect: () => void giveBack({ input: who }),
            },
          below && {
            label: words.moderate.remove,
            icon: "close",
            danger: true,
            onSelect: () => setRemoving(true),
          },
        ]}
      >
        <Icon name="more" />
      </Menu>
      {removing && (
        <BanDialog
          title={words.moderate.removeTitle(name)}
          yes={words.moderate.removeNow}
          busy={busy}
          failure={failure}
          onYes={async (ban) => {
            if (!(await remove({ input: { ...who, ban } }))) return;
            say(words.moderate.removed(name));
            setRemoving(false);
          }}
          onClose={() => setRemoving(false)}
        />
      )}
    </>
  );
}
