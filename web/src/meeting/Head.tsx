import type { Ref } from "react";
import { useCopyLink } from "../app/copy";
import type { Room } from "../room/admission";
import type { Status } from "../room/status";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

interface Props {
  ref: Ref<HTMLHeadingElement>;
  room: Room;
  status: Status | null;
}

export function Head({ ref, room, status }: Props) {
  const words = useWords();
  const copy = useCopyLink();
  return (
    <header className="meeting-head">
      <h1 className="meeting-name clip" tabIndex={-1} ref={ref}>
        {room.name}
      </h1>
      <IconButton small icon="copy" label={words.copyLink} onClick={() => copy(room.slug)} />
      <div className="meeting-tags" role="status">
        {status?.recording && (
          <span className="tag tag-record">
            <i className="record-dot" aria-hidden="true" />
            {words.recording.now[status.recordingStatus ?? "ACTIVE"]}
          </span>
        )}
        {status?.locked && (
          <span className="tag tag-stage">
            <Icon name="lock" />
            {words.meeting.locked}
          </span>
        )}
      </div>
    </header>
  );
}
