import { useWords } from "../words";

// Stands in for the meeting while its code loads. It has the same bars, so that nothing moves.
export function Connecting({ name }: { name: string }) {
  const words = useWords();
  return (
    <div className="meeting stage">
      <header className="meeting-head">
        <h1 className="meeting-name clip">{name}</h1>
      </header>
      <main className="meeting-stage meeting-wait">
        <p role="status">
          {words.meeting.connecting} <Dots />
        </p>
      </main>
      <div className="meeting-bar" />
    </div>
  );
}

export function Dots() {
  return (
    <span className="dots" aria-hidden="true">
      <i />
      <i />
      <i />
    </span>
  );
}
