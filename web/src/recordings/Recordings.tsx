import { useEffect, useState } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";
import { explain, failureOf } from "../app/failure";
import { Layout, Loading } from "../app/Layout";
import { signInURL, useSession } from "../app/session";
import { type RecordingRowFragment, RecordingsDocument } from "../generated/operations";
import { Button, look } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Note } from "../ui/Note";
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
          <a className={look({ kind: "primary" })} href={signInURL()}>
            {words.nav.signIn}
          </a>
        </p>
      )}
    </div>
  );
}

function List() {
  const [pages, setPages] = useState<(string | null)[]>([null]);
  return (
    <ul className="recordings">
      {pages.map((after) => (
        <Page
          key={after}
          after={after}
          last={after === pages.at(-1)}
          onMore={(next) => setPages([...pages, next])}
        />
      ))}
    </ul>
  );
}

interface PageProps {
  after: string | null;
  last: boolean;
  onMore(after: string): void;
}

const context = { additionalTypenames: ["Recording", "DeleteRecordingPayload"] };

function Page({ after, last, onMore }: PageProps) {
  const words = useWords();
  const { canRecord } = useSession();
  const [{ data, error }, again] = useQuery({
    query: RecordingsDocument,
    variables: { after },
    requestPolicy: "cache-and-network",
    context,
  });
  const unfinished = data?.recordings.edges?.some((edge) => edge?.node && !isFinal(edge.node));
  useAgain(!!unfinished, () => again({ requestPolicy: "network-only" }));
  if (error) {
    return (
      <li>
        <Note kind="danger">{explain(failureOf(error), words)}</Note>
      </li>
    );
  }
  if (!data) {
    return (
      <li>
        <Loading />
      </li>
    );
  }
  const { edges, pageInfo, totalCount } = data.recordings;
  if (!totalCount) {
    return (
      <li className="rooms-empty">
        <Icon name="record" />
        <p className="soft">{canRecord ? words.recordings.empty : words.recordings.none}</p>
      </li>
    );
  }
  return (
    <>
      {edges?.map((edge) => edge?.node && <Row key={edge.node.id} recording={edge.node} />)}
      {last && pageInfo.hasNextPage && (
        <li>
          <Button onClick={() => onMore(pageInfo.endCursor!)}>{words.more}</Button>
        </li>
      )}
    </>
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
          className={`${look({ kind: "quiet" })} button-icon`}
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

const EVERY = 10_000; // milliseconds between two looks at what is not finished

/** Does something again and again, as long as there is a reason to. */
export function useAgain(on: boolean, look: () => void) {
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(look, EVERY);
    return () => clearInterval(timer);
  });
}
