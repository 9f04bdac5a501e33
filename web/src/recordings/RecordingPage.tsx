import { type FormEvent, useState } from "react";
import { useQuery } from "urql";
import { useLocation } from "wouter";
import { useAct } from "../app/act";
import { Layout, Loading } from "../app/Layout";
import { Message } from "../app/Message";
import { usePoll } from "../app/poll";
import { useSession } from "../app/session";
import {
  DeleteRecordingDocument,
  RecordingDocument,
  type RecordingQuery,
  ShareRecordingDocument,
  UnshareRecordingDocument,
} from "../generated/operations";
import { Button, buttonClass } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Face } from "../ui/Face";
import { Field } from "../ui/Field";
import { Icon } from "../ui/Icon";
import { Note } from "../ui/Note";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { explain, failureOf } from "../words/failure";
import { Facts, isFinal, StatusTag } from "./Facts";
import { SignInFirst } from "./Recordings";
import "../style/recordings.css";

type Recording = NonNullable<RecordingQuery["recording"]>;

export default function RecordingPage({ id }: { id: string }) {
  const words = useWords();
  const { viewer, loading } = useSession();
  const [{ data, error }, again] = useQuery({
    query: RecordingDocument,
    variables: { id },
    pause: !viewer,
    requestPolicy: "cache-and-network",
  });
  const recording = data?.recording;
  usePoll(!!recording && !isFinal(recording), () => again({ requestPolicy: "network-only" }));
  if (recording) return <Shown recording={recording} />;
  if (error) {
    const failure = failureOf(error);
    const missing = failure.code === "NOT_FOUND" || failure.code === "INVALID";
    return (
      <Message
        title={words.recordings.missing}
        text={missing ? words.recordings.missingText : explain(failure, words)}
      />
    );
  }
  return (
    <Layout title={words.nav.recordings} narrow>
      <div className="stack stack-l">
        <h1 tabIndex={-1}>{words.nav.recordings}</h1>
        {!viewer && !loading ? <SignInFirst /> : <Loading />}
      </div>
    </Layout>
  );
}

function Shown({ recording }: { recording: Recording }) {
  const words = useWords();
  const { room, url, reason, expiresAt, transcript } = recording;
  const title = room.name;
  return (
    <Layout title={title} narrow>
      <div className="stack stack-l">
        <div className="stack stack-s">
          <h1 tabIndex={-1} className="break">
            {title}
          </h1>
          <Facts recording={recording} />
          <p className="row row-wrap">
            <StatusTag recording={recording} />
            {transcript !== "NONE" && <span className="tag">{words.recordings.transcript[transcript]}</span>}
            {expiresAt && !recording.isExpired && (
              <span className="small soft">{words.recordings.until(words.date(expiresAt))}</span>
            )}
          </p>
        </div>
        <Player recording={recording} />
        {reason && <Note kind="warn">{reason}</Note>}
        <div className="row row-wrap">
          {url && (
            <a className={buttonClass({ kind: "primary" })} href={url} download>
              <Icon name="download" />
              {words.recordings.download}
            </a>
          )}
          {recording.canDelete && <Delete recording={recording} />}
        </div>
        {recording.sharedWith && <Sharing recording={recording} />}
      </div>
    </Layout>
  );
}

function Player({ recording: { url, mode, room } }: { recording: Recording }) {
  const words = useWords();
  if (!url) return null;
  const label = words.recordings.play(room.name);
  return mode === "AUDIO" ? (
    <audio className="player" src={url} aria-label={label} controls preload="metadata" />
  ) : (
    <video
      className="player player-picture"
      src={url}
      aria-label={label}
      controls
      preload="metadata"
      playsInline
    />
  );
}

function Delete({ recording }: { recording: Recording }) {
  const words = useWords();
  const [, go] = useLocation();
  const [asking, setAsking] = useState(false);
  const { act, busy, failure } = useAct(DeleteRecordingDocument, { quiet: true });
  return (
    <>
      <Button icon="trash" onClick={() => setAsking(true)}>
        {words.recordings.delete}
      </Button>
      {asking && (
        <Confirm
          title={words.recordings.deleteTitle}
          text={words.recordings.deleteText}
          yes={words.recordings.delete}
          busy={busy}
          failure={failure}
          onYes={async () =>
            void ((await act({ input: { recordingId: recording.id } })) && go("/recordings"))
          }
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

function Sharing({ recording }: { recording: Recording }) {
  const words = useWords();
  const say = useSay();
  const [email, setEmail] = useState("");
  const { act: share, busy, failure } = useAct(ShareRecordingDocument, { quiet: true });
  const { act: unshare } = useAct(UnshareRecordingDocument);
  const input = { recordingId: recording.id };
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!(await share({ input: { ...input, email: email.trim() } }))) return;
    say(words.recordings.sharedNow(email.trim()));
    setEmail("");
  }
  return (
    <section className="card stack" aria-labelledby="sharing">
      <h2 id="sharing">{words.recordings.share}</h2>
      <form className="grant grant-short" onSubmit={submit}>
        <Field
          label={words.settings.email}
          inputMode="email"
          spellCheck={false}
          fault={failure && explain(failure, words)}
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          autoComplete="off"
          required
        />
        <Button type="submit" kind="primary" icon="share" busy={busy}>
          {words.recordings.shareGo}
        </Button>
      </form>
      <ul className="people-list" aria-label={words.recordings.sharedWith}>
        {recording.sharedWith?.map(({ id, fullName, email }) => (
          <li className="person" key={id}>
            <Face name={fullName || email || words.meeting.nobody} small />
            <div className="grow">
              <p className="clip person-name">{fullName || email || words.meeting.nobody}</p>
              {fullName && <p className="small soft clip">{email}</p>}
            </div>
            <Button
              small
              aria-label={words.recordings.unshareName(fullName || email)}
              onClick={() => unshare({ input: { ...input, userId: id } })}
            >
              {words.recordings.unshare}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
