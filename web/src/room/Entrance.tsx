import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { explain, type Failure } from "../app/failure";
import { useConnected } from "../app/foyer";
import { Layout } from "../app/Layout";
import { Message } from "../app/Message";
import { browser } from "../app/storage";
import { useCopyLink } from "../home/copy";
import { nameOf, signInURL, useSession } from "../app/session";
import { Button, look } from "../ui/Button";
import { Field } from "../ui/Field";
import { Guard } from "../ui/Guard";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { type Admission, canCall, type Room, type Stage, type Why } from "./admission";
import { Dots } from "./Connecting";
import { useDevices } from "./devices";
import { useLock } from "./lock";
import { Preview } from "./Preview";
import { isHost } from "./rank";

const NAME = "foyer:name";

interface Props {
  room: Room;
  admission: Admission;
}

// Everything before the call: the picture on one side, where one stands on the other.
export function Entrance({ room, admission }: Props) {
  const words = useWords();
  const { viewer } = useSession();
  const { stage } = admission;
  const over = stage.at === "over";
  const callable = canCall();
  const { devices, state } = useDevices(!over && callable);
  const entry = stage.at === "waiting" ? stage.entry : undefined;
  const lock = useLock(room, stage.at === "preview" || stage.at === "waiting", entry?.version);
  const [name, setName] = useState(() => (viewer ? nameOf(viewer) : (browser.getItem(NAME) ?? "")));
  const title = stage.at === "waiting" ? words.waiting.tab(room.name) : room.name;

  function ask() {
    if (!viewer) browser.setItem(NAME, name.trim());
    admission.ask(name.trim());
  }
  // Said before the person knocks: nobody should wait for a call that their browser cannot hold.
  if (!callable && !over) return <Message title={room.name} text={words.entrance.noCalls} />;
  return (
    <Layout title={title} narrow={over}>
      {over ? (
        <Over room={room} why={stage.why} again={stage.again} onAsk={ask} onReset={admission.reset} />
      ) : (
        <div className="entrance">
          <Guard>
            <Preview name={name} devices={devices} state={state} />
          </Guard>
          <section className="entrance-side">
            {stage.at === "preview" && (
              <Ask
                room={room}
                lock={lock}
                name={name}
                failure={stage.failure}
                onName={setName}
                onAsk={ask}
              />
            )}
            {stage.at === "asking" && (
              <Asking room={room} trouble={stage.trouble} onGiveUp={admission.giveUp} />
            )}
            {stage.at === "waiting" && (
              <Waiting room={room} locked={lock.locked} stage={stage} onGiveUp={admission.giveUp} />
            )}
          </section>
        </div>
      )}
    </Layout>
  );
}

interface AskProps {
  room: Room;
  lock: ReturnType<typeof useLock>;
  name: string;
  failure?: Failure;
  onName(name: string): void;
  onAsk(): void;
}

function Ask({ room, lock: { locked, walksIn }, name, failure, onName, onAsk }: AskProps) {
  const words = useWords();
  const { viewer, canSignIn } = useSession();
  const copy = useCopyLink();
  const [empty, setEmpty] = useState(false);
  const wrongName = failure?.field === "displayName";
  function submit(event: FormEvent) {
    event.preventDefault();
    setEmpty(!name.trim());
    if (name.trim()) onAsk();
  }
  return (
    <form className="stack stack-l" onSubmit={submit} noValidate>
      <div className="stack stack-s">
        <h1 tabIndex={-1} className="break">
          {room.name}
        </h1>
        {!locked && <p className="soft">{walksIn ? words.entrance.walkIn : words.entrance.knock}</p>}
        <Locked locked={locked} />
      </div>
      <Field
        label={words.entrance.name}
        hint={words.entrance.nameHint}
        fault={empty ? words.entrance.nameFault : wrongName ? explain(failure, words) : null}
        value={name}
        onChange={(event) => {
          onName(event.target.value);
          setEmpty(false);
        }}
        autoComplete="name"
        maxLength={100}
        required
      />
      {failure && !wrongName && <Note kind="danger">{explain(failure, words)}</Note>}
      <Button type="submit" kind="primary" wide icon={walksIn ? "camera" : "door"}>
        {walksIn ? words.entrance.join : words.entrance.ask}
      </Button>
      {isHost(room.viewerRole) && (
        <Button wide icon="copy" onClick={() => copy(room.slug)}>
          {words.copyLink}
        </Button>
      )}
      {!viewer && canSignIn && (
        <p className="small soft">
          {room.accessLevel === "TRUSTED" ? words.entrance.trusted : words.entrance.account}{" "}
          <a href={signInURL()}>{words.nav.signIn}</a>
        </p>
      )}
    </form>
  );
}

interface AskingProps {
  room: Room;
  trouble?: Failure;
  onGiveUp(): void;
}

function Asking({ room, trouble, onGiveUp }: AskingProps) {
  const words = useWords();
  return (
    <Standing title={words.waiting.asking}>
      <p className="soft break">{room.name}</p>
      <Trouble trouble={trouble} />
      <Button onClick={onGiveUp}>{words.cancel}</Button>
    </Standing>
  );
}

interface WaitingProps {
  room: Room;
  locked: boolean;
  stage: Extract<Stage, { at: "waiting" }>;
  onGiveUp(): void;
}

function Waiting({ room, locked, stage, onGiveUp }: WaitingProps) {
  const words = useWords();
  const { entry, returned, trouble } = stage;
  const away = useAway();
  return (
    <Standing title={words.waiting.title}>
      <p className="soft break">{returned ? words.waiting.returned : words.waiting.text(room.name)}</p>
      <p className="waiting-state">
        <Dots />
        <span role="status">{away ? words.waiting.reconnecting : words.waiting.asked}</span>
      </p>
      <Locked locked={locked && trouble?.reason !== "LOCKED"} />
      {entry.position && (
        <p className="tag tag-accent waiting-place">{words.waiting.position(entry.position)}</p>
      )}
      <div role="status">
        {entry.message && (
          <Note icon="chat">
            <strong>{words.waiting.message}</strong>
            <p className="lines">{entry.message}</p>
          </Note>
        )}
      </div>
      <Trouble trouble={trouble} />
      <p className="small soft">{words.waiting.stay}</p>
      <Button onClick={onGiveUp}>{words.waiting.giveUp}</Button>
    </Standing>
  );
}

function Locked({ locked }: { locked: boolean }) {
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

function Trouble({ trouble }: { trouble?: Failure }) {
  const words = useWords();
  return <div role="status">{trouble && <Note kind="warn">{explain(trouble, words)}</Note>}</div>;
}

const PATIENCE = 1_500; // milliseconds without a connection before it is worth a word

function useAway() {
  const connected = useConnected();
  const [away, setAway] = useState(false);
  useEffect(() => {
    setAway(false);
    if (connected) return;
    const timer = setTimeout(() => setAway(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [connected]);
  return away;
}

// A state that begins by itself: its heading is focused, so that it is read out and keyboards go on here.
function Standing({ title, children }: { title: string; children: ReactNode }) {
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

interface OverProps {
  room: Room;
  why: Why;
  /** When the server takes another request, in milliseconds since 1970. */
  again?: number;
  onAsk(): void;
  onReset(): void;
}

function Over({ room, why, again: after = 0, onAsk, onReset }: OverProps) {
  const words = useWords();
  const seconds = useSecondsUntil(after);
  const { title, text } = words.over[why];
  const again = why !== "banned" && why !== "gone";
  const back = comesBack.includes(why);
  return (
    <div className="message">
      <Standing title={title}>
        <p className="soft">{text}</p>
        {why === "unreachable" && firefoxHere() && <p className="soft">{words.over.firefoxHere}</p>}
      </Standing>
      <div className="row row-wrap">
        {again && (
          <Button kind="primary" busy={seconds > 0} onClick={back ? onAsk : onReset}>
            {seconds > 0
              ? words.over.askIn(seconds)
              : back || room.viewerCanJoin
                ? words.over.join
                : words.over.ask}
          </Button>
        )}
        <Link href="/" className={look({ kind: again ? "plain" : "primary" })}>
          {words.toHome}
        </Link>
      </div>
    </div>
  );
}

// Those whom nobody sent away come back at once.
const comesBack: Why[] = ["lost", "unreachable", "duplicate"];

/** Firefox on the server's own machine, which connects to none of its loopback addresses. */
const firefoxHere = () =>
  /Firefox/.test(navigator.userAgent) && /^(localhost|127\..*|\[::1\])$/.test(location.hostname);

function useSecondsUntil(moment: number) {
  const left = () => Math.max(0, Math.ceil((moment - Date.now()) / 1_000));
  const [seconds, setSeconds] = useState(left);
  useEffect(() => {
    if (!left()) return;
    const timer = setInterval(() => {
      setSeconds(left());
      if (!left()) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [moment]);
  return seconds;
}
