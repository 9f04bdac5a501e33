import { type ReactNode, useEffect, useRef } from "react";
import { Note } from "../ui/Note";
import { useWords } from "../words";

/**
 * A stage that begins without a press of a button: its heading is focused, so that screen readers read it and the
 * keyboard continues here.
 */
export function Standing({ title, children }: { title: string; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, [title]);
  return (
    <div className="stack stack-l standing">
      <h1 tabIndex={-1} ref={heading}>
        {title}
      </h1>
      {children}
    </div>
  );
}

export function Locked({ locked }: { locked: boolean }) {
  const words = useWords();
  return (
    <div role="status">
      {locked && (
        <Note kind="warn" icon="lock">
          {words.faults.locked}
        </Note>
      )}
    </div>
  );
}
