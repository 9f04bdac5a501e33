import { lazy, Suspense, useEffect, useState } from "react";
import { useQuery } from "urql";
import { Layout, Loading } from "./app/Layout";
import { Message } from "./app/Message";
import { useSession } from "./app/session";
import { RoomDocument } from "./generated/operations";
import { type Room, useAdmission } from "./room/admission";
import { Connecting } from "./room/Connecting";
import { Entrance } from "./room/Entrance";
import { Button } from "./ui/Button";
import { useWords } from "./words";
import { explain, failureOf } from "./words/failure";

// The meeting's code is large, and loaded when a person is about to need it.
const loadMeeting = () => import("./meeting/Meeting");
const Meeting = lazy(loadMeeting);

// Marks that would reverse the direction of the sentence around a link.
const turning = /\p{Bidi_Control}/gu;

export function RoomPage({ slug }: { slug: string }) {
  const words = useWords();
  const { loading } = useSession();
  const [{ data, error }, again] = useQuery({
    query: RoomDocument,
    variables: { slug },
    requestPolicy: "cache-and-network",
  });
  // The page keeps a room that it found when a later query fails: those also run during a meeting.
  const [found, setFound] = useState<Room | null>(null);
  if (data?.room && data.room !== found) setFound(data.room);
  if (found && !loading) return <Inside room={found} key={found.id} />;
  if (!error) {
    return (
      <Layout title={words.loading}>
        <Loading />
      </Layout>
    );
  }
  const failure = failureOf(error);
  if (failure.code === "NOT_FOUND" || failure.code === "INVALID") {
    return <Message title={words.notFound.room} text={words.notFound.roomText(slug.replace(turning, ""))} />;
  }
  return (
    <Message title={words.notFound.trouble} text={explain(failure, words)}>
      <Button kind="primary" onClick={() => again({ requestPolicy: "network-only" })}>
        {words.tryAgain}
      </Button>
    </Message>
  );
}

function Inside({ room }: { room: Room }) {
  const admission = useAdmission(room);
  const { stage } = admission;
  useEffect(() => {
    if (stage.at !== "preview") void loadMeeting();
  }, [stage.at]);
  if (stage.at !== "meeting") return <Entrance room={room} admission={admission} />;
  return (
    <Suspense fallback={<Connecting name={room.name} />}>
      <Meeting room={room} details={stage.details} ticket={stage.ticket} onLeft={admission.left} />
    </Suspense>
  );
}
