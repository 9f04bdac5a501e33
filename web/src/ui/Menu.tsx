import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { Icon, type IconName } from "./Icon";
import { popovers } from "./popovers";

export interface MenuItem {
  label: string;
  icon: IconName;
  danger?: boolean;
  /** A line above this item. */
  apart?: boolean;
  href?: string;
  onSelect?(): void;
}

interface Props {
  label: string;
  className: string;
  items: (MenuItem | false | "" | undefined)[];
  children: ReactNode;
}

const EDGE = 8; // pixels between a menu and the window's edge

// A button that opens a menu above the page, with the browser's popover: it closes on Escape and on a click outside.
// In a browser without popovers a positioned box does the same.
export function Menu({ label, className, items, children }: Props) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const shown = items.filter((item) => !!item);

  const all = () => [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  useLayoutEffect(() => {
    if (!open) return;
    put(list.current!, button.current!.getBoundingClientRect());
    all()[0]?.focus();
  }, [open]);
  useEffect(() => {
    if (popovers || !open) return;
    function leave({ target }: Event) {
      if (![list, button].some(({ current }) => current?.contains(target as Node))) setOpen(false);
    }
    document.addEventListener("pointerdown", leave);
    return () => document.removeEventListener("pointerdown", leave);
  }, [open]);
  function move(event: KeyboardEvent) {
    const [entries, now] = [all(), all().indexOf(document.activeElement as HTMLElement)];
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (event.key === "Tab") close();
    if (event.key === "Escape" && !popovers) {
      event.preventDefault(); // otherwise it also closes the dialog or the panel around the menu
      close();
    }
    if (to === undefined) return;
    event.preventDefault();
    entries.at(to % entries.length)?.focus();
  }
  function close() {
    if (popovers) list.current?.hidePopover();
    else setOpen(false);
    button.current?.focus();
  }
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={id}
        popoverTarget={popovers ? id : undefined}
        onClick={popovers ? undefined : () => setOpen(!open)}
      >
        {children}
      </button>
      <div
        ref={list}
        id={id}
        popover={popovers ? "auto" : undefined}
        hidden={!popovers && !open}
        role="menu"
        aria-label={label}
        className="menu"
        onToggle={(event) => setOpen(event.newState === "open")}
        onKeyDown={move}
      >
        {open && shown.map((item) => <Item key={item.label} item={item} close={close} />)}
      </div>
    </>
  );
}

// put positions a menu at its button: below if there is space, otherwise above.
function put(list: HTMLElement, from: DOMRect) {
  const { width, height } = list.getBoundingClientRect();
  const below = from.bottom + height + EDGE <= innerHeight;
  const left = Math.min(from.right - width, innerWidth - width - EDGE);
  list.style.left = `${Math.max(EDGE, left)}px`;
  list.style.top = `${Math.max(EDGE, below ? from.bottom + 4 : from.top - height - 4)}px`;
}

function Item({ item, close }: { item: MenuItem; close(): void }) {
  const inside = (
    <>
      <Icon name={item.icon} />
      <span>{item.label}</span>
    </>
  );
  const shared = {
    role: "menuitem",
    tabIndex: -1,
    className: item.danger ? "menu-item menu-item-danger" : "menu-item",
  };
  function select() {
    close(); // first, so that a dialog that opens now restores the focus to the button
    item.onSelect?.();
  }
  return (
    <>
      {item.apart && <hr />}
      {item.href ? (
        <a {...shared} href={item.href}>
          {inside}
        </a>
      ) : (
        <button {...shared} type="button" onClick={select}>
          {inside}
        </button>
      )}
    </>
  );
}
