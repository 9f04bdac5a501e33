import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";
import { useWords } from "../words";
import { IconButton } from "./Button";

const Context = createContext<(text: string) => void>(() => {});

/** Says something in passing: below on the screen, and read out. */
export const useSay = () => useContext(Context);

const SHOWN = 7_000; // milliseconds

export function Toasts({ children }: { children: ReactNode }) {
  const words = useWords();
  const [toasts, setToasts] = useState<{ id: number; text: string }[]>([]);
  const last = useRef(0);
  const region = useRef<HTMLDivElement>(null);
  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const say = useCallback(
    (text: string) => {
      const id = ++last.current;
      setToasts((all) => [...all.filter((toast) => toast.text !== text).slice(-2), { id, text }]);
      setTimeout(() => drop(id), SHOWN);
    },
    [drop],
  );
  // In the browser's top layer, and moved to its top with each toast: else a dialog would hide it.
  useEffect(() => {
    region.current?.hidePopover();
    region.current?.showPopover();
  }, [toasts]);
  return (
    <Context value={say}>
      {children}
      <div className="toasts" role="status" aria-live="polite" popover="manual" ref={region}>
        {toasts.map(({ id, text }) => (
          <div className="toast" key={id}>
            <span className="grow break">{text}</span>
            <IconButton small icon="close" label={words.dismiss} onClick={() => drop(id)} />
          </div>
        ))}
      </div>
    </Context>
  );
}
