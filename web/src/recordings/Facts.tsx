import type { RecordingRowFragment } from "../generated/operations";
import { useWords } from "../words";

export const isFinal = ({ status }: RecordingRowFragment) => ["SAVED", "FAILED", "ABORTED"].includes(status);

// Date, mode, duration and size.
export function Facts({ recording }: { recording: RecordingRowFragment }) {
  const words = useWords();
  const { createdAt, startedAt, duration, size, mode } = recording;
  const facts = [
    words.date(startedAt ?? createdAt),
    words.recording.modes[mode].name,
    duration !== null && words.duration(duration),
    size !== null && words.size(size),
  ];
  return <p className="soft small">{facts.filter(Boolean).join(" · ")}</p>;
}

// The status, unless the recording is saved.
export function StatusTag({ recording }: { recording: RecordingRowFragment }) {
  const words = useWords();
  const { status, isExpired } = recording;
  if (isExpired) return <span className="tag">{words.recordings.expired}</span>;
  if (status === "SAVED") return null;
  const bad = status === "FAILED" || status === "ABORTED";
  return <span className={bad ? "tag tag-danger" : "tag tag-accent"}>{words.recordings.status[status]}</span>;
}
