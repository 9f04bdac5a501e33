import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useWords } from "../words";
import { IconButton } from "./Button";
import { Guard } from "./Guard";
import { popovers } from "./popovers";

/** Shows a text, and returns a function that removes it. */
type Say = (text: string) => () => void;

const Context = createContext<Say>(() => () => {});

/** Shows a toast for a few seconds; screen readers read it. */
export const useSay = () => useContext(Context);

/** Shows a failure as a toast. The next text replaces it, and null removes it. */
export function useComplain() {
  const say = useSay();
  const unsay = useRef<() => void>(null);
  return useCallback(
    (text: string | null) => {
      unsay.current?.();
      unsay.current = text === null ? null : say(text);
    },
    [say],
  );
}

const SHOWN = 7_000; // milliseconds

interface Toast {
  id: number;
  text: string;
}

export function Toasts({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const last = useRef(0);
  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const say = useCallback(
    (text: string) => {
      const id = ++last.current;
      setToasts((all) => [...all.filter((toast) => toast.text !== text).slice(-2), { id, text }]);
      setTimeout(() => drop(id), SHOWN);
      return () => drop(id);
    },
    [drop],
  );
  return (
    <Context value={say}>
      {children}
      <Guard>
        <Shown toasts={toasts} onDrop={drop} />
      </Guard>
    </Context>
  );
}

// The dialog that was opened last: a dialog from a dialog is inside it or after it.
const uppermost = () => [...document.querySelectorAll("dialog[open]")].at(-1) ?? null;

// Each toast moves the region to the top of the browser's top layer, because a dialog would hide it. Without popovers
// the region is rendered inside the open dialog.
function Shown({ toasts, onDrop }: { toasts: Toast[]; onDrop(id: number): void }) {
  const words = useWords();
  const region = useRef<HTMLDivElement>(null);
  const [dialog, setDialog] = useState<Element | null>(null);
  useEffect(() => {
    // oxlint-disable-next-line react/set-state-in-effect -- only the DOM knows which dialogs are open by now
    if (!popovers) return setDialog(uppermost());
    region.current?.hidePopover();
    region.current?.showPopover();
  }, [toasts]);
  useEffect(() => {
    const leave = () => setDialog(uppermost()); // before the dialog is removed, with the toasts in it
    dialog?.addEventListener("close", leave);
    return () => dialog?.removeEventListener("close", leave);
  }, [dialog]);
  const box = (
    <div
      className="toasts"
      role="status"
      aria-live="polite"
      popover={popovers ? "manual" : undefined}
      ref={region}
    >
      {toasts.map(({ id, text }) => (
        <div className="toast" key={id}>
          <span className="grow break">{text}</span>
          <IconButton small icon="close" label={words.dismiss} onClick={() => onDrop(id)} />
        </div>
      ))}
    </div>
  );
  return dialog ? createPortal(box, dialog) : box;
}
