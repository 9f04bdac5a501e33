import { type ReactNode, useEffect, useId, useRef } from "react";
import { useWords } from "../words";
import { explain, type Failure } from "../words/failure";
import { Button, IconButton } from "./Button";
import { Note } from "./Note";

interface Props {
  title: string;
  wide?: boolean;
  /** Why the action of the dialog failed. */
  failure?: Failure | null;
  onClose(): void;
  children: ReactNode;
}

// The browser's modal dialog: it keeps the focus inside, closes on Escape, and restores the focus.
export function Dialog({ title, wide, failure, onClose, children }: Props) {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  useEffect(() => {
    const from = document.activeElement;
    const shown = dialog.current!;
    shown.showModal();
    if (!shown.querySelector("[autofocus], [data-autofocus]")) heading.current?.focus();
    shown.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      shown.close();
      if (from instanceof HTMLElement && from.isConnected) from.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return;
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className="dialog-head">
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton icon="close" label={words.close} onClick={onClose} />
      </div>
      <div className="dialog-body">
        <Failed failure={failure} />
        {children}
      </div>
    </dialog>
  );
}

/** Shows a failure inside a dialog: elsewhere the dialog would hide it. */
export function Failed({ failure }: { failure?: Failure | null }) {
  const words = useWords();
  return (
    <div role="alert" className="failed">
      {failure && <Note kind="danger">{explain(failure, words)}</Note>}
    </div>
  );
}

interface Question {
  title: string;
  text: ReactNode;
  yes: string;
  busy?: boolean;
  failure?: Failure | null;
  onYes(): void;
  onClose(): void;
}

// Asks before an action that cannot be undone.
export function Confirm({ title, text, yes, busy, failure, onYes, onClose }: Question) {
  const words = useWords();
  return (
    <Dialog title={title} failure={failure} onClose={onClose}>
      {typeof text === "string" ? <p>{text}</p> : text}
      <div className="dialog-foot">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button kind="danger" busy={busy} onClick={onYes}>
          {yes}
        </Button>
      </div>
    </Dialog>
  );
}
