import { type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { buttonClass } from "../ui/Button";
import { Face } from "../ui/Face";
import { Guard } from "../ui/Guard";
import { Menu } from "../ui/Menu";
import { useWords } from "../words";
import { Preferences } from "./Preferences";
import { nameOf, signInURL, useSession, type Viewer } from "./session";
import { useTitle } from "./title";

interface Props {
  title: string;
  /** Narrow pages are for reading; others may have columns. */
  narrow?: boolean;
  children: ReactNode;
}

export function Layout({ title, narrow, children }: Props) {
  useTitle(title);
  return (
    <>
      <Guard>
        <Header />
      </Guard>
      <main className={narrow ? "page page-narrow" : "page"}>{children}</main>
    </>
  );
}

export function Brand() {
  return (
    <Link href="/" className="brand" aria-label="Foyer">
      <Mark />
      <span>Foyer</span>
    </Link>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" className="brand-mark" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9 25V14a7 7 0 0 1 14 0v11h-3.2V14a3.8 3.8 0 0 0-7.6 0v11z" />
      <circle cx="16" cy="22.5" r="2.5" />
    </svg>
  );
}

function Header() {
  const words = useWords();
  const { viewer, canSignIn, canRecord } = useSession();
  return (
    <header className="header">
      <div className="header-inside">
        <Brand />
        <nav className="header-nav" aria-label={words.nav.label}>
          {viewer && (
            <>
              <NavLink href="/">{words.nav.rooms}</NavLink>
              {canRecord && <NavLink href="/recordings">{words.nav.recordings}</NavLink>}
            </>
          )}
        </nav>
        {viewer && <Account viewer={viewer} />}
        {!viewer && canSignIn && (
          <a className={buttonClass({ kind: "plain", small: true })} href={signInURL()}>
            {words.nav.signIn}
          </a>
        )}
      </div>
    </header>
  );
}

function NavLink({ href, children }: { href: string; children: ReactNode }) {
  const current = location.pathname === href;
  return (
    <Link href={href} className="header-link" aria-current={current ? "page" : undefined}>
      {children}
    </Link>
  );
}

function Account({ viewer }: { viewer: Viewer }) {
  const words = useWords();
  const [preferences, setPreferences] = useState(false);
  const name = nameOf(viewer);
  return (
    <>
      <Menu
        label={words.nav.account(name)}
        className="account"
        items={[
          { label: words.nav.preferences, icon: "settings", onSelect: () => setPreferences(true) },
          { label: words.nav.signOut, icon: "exit", href: "/logout", apart: true },
        ]}
      >
        <Face name={name} small />
      </Menu>
      {preferences && <Preferences viewer={viewer} onClose={() => setPreferences(false)} />}
    </>
  );
}

/** Stands in for a page that loads, and announces it to screen readers. */
export function Loading({ lines = 3 }: { lines?: number }) {
  const words = useWords();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 1_000);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="stack" aria-busy="true">
      <span className="unseen" role="status">
        {late && words.loading}
      </span>
      {Array.from({ length: lines }, (_, line) => (
        <div className="skeleton loading-line" key={line} />
      ))}
    </div>
  );
}
