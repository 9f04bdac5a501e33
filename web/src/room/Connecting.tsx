import { useWords } from "../words";

// Keeps the call's place while its code is on its way: the same bars, so that nothing moves.
export function Connecting({ name }: { name: string }) {
  const words = useWords();
  return (
    <div className="call stage">
      <header className="call-head">
        <h1 className="call-name clip">{name}</h1>
      </header>
      <main className="call-stage call-wait">
        <p role="status">
          {words.call.connecting} <Dots />
        </p>
      </main>
      <div className="call-bar" />
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
