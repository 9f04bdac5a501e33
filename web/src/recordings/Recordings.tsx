import { Link } from "wouter";
import { Layout, Loading } from "../app/Layout";
import { PagedList } from "../app/PagedList";
import { signInURL, useSession } from "../app/session";
import { type RecordingRowFragment, RecordingsDocument } from "../generated/operations";
import { buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";
import { Facts, isFinal, StatusTag } from "./Facts";
import "../style/recordings.css";

export default function Recordings() {
  const words = useWords();
  const { viewer, loading } = useSession();
  return (
    <Layout title={words.nav.recordings}>
      <div className="stack stack-l">
        <h1 tabIndex={-1}>{words.nav.recordings}</h1>
        {viewer && <List />}
        {loading && <Loading />}
        {!viewer && !loading && <SignInFirst />}
      </div>
    </Layout>
  );
}

export function SignInFirst() {
  const words = useWords();
  const { canSignIn } = useSession();
  return (
    <div className="stack">
      <p className="soft">{words.recordings.signIn}</p>
      {canSignIn && (
        <p>
          <a className={buttonClass({ kind: "primary" })} href={signInURL()}>
            {words.nav.signIn}
          </a>
        </p>
      )}
    </div>
  );
}

const context = { additionalTypenames: ["Recording", "DeleteRecordingPayload"] };

function List() {
  return (
    <PagedList
      className="recordings"
      query={RecordingsDocument}
      context={context}
      connection={({ recordings }) => recordings}
      row={(recording) => <Row recording={recording} />}
      empty={<Empty />}
      isChanging={(recording) => !isFinal(recording)}
    />
  );
}

function Empty() {
  const words = useWords();
  const { canRecord } = useSession();
  return (
    <li className="rooms-empty">
      <Icon name="record" />
      <p className="soft">{canRecord ? words.recordings.empty : words.recordings.none}</p>
    </li>
  );
}

function Row({ recording }: { recording: RecordingRowFragment }) {
  const words = useWords();
  const name = recording.room.name;
  return (
    <li className="room recording">
      <span className="recording-mode">
        <Icon name={recording.mode === "AUDIO" ? "mic" : "camera"} />
      </span>
      <div className="grow">
        <h2 className="clip recording-name">
          <Link href={`/recordings/${recording.id}`} className="room-name">
            {name}
          </Link>
        </h2>
        <Facts recording={recording} />
      </div>
      <StatusTag recording={recording} />
      {recording.url && (
        <a
          className={`${buttonClass({ kind: "quiet" })} button-icon`}
          href={recording.url}
          download
          aria-label={words.recordings.downloadName(name, words.date(recording.createdAt))}
          title={words.recordings.download}
        >
          <Icon name="download" />
        </a>
      )}
    </li>
  );
}
