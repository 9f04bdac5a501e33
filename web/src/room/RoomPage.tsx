import { lazy, Suspense, useEffect, useRef } from "react";
import { useQuery } from "urql";
import { explain, failureOf } from "../app/failure";
import { Layout, Loading } from "../app/Layout";
import { Message } from "../app/Message";
import { useSession } from "../app/session";
import { RoomDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { useWords } from "../words";
import { type Room, useAdmission } from "./admission";
import { Connecting } from "./Connecting";
import { Entrance } from "./Entrance";

// The call's code is large, and loaded when somebody is about to need it.
const loadCall = () => import("../call/Call");
const Call = lazy(loadCall);

// Marks in a link by which the sentence around it would be read in another direction.
const turning = /\p{Bidi_Control}/gu;

export function RoomPage({ slug }: { slug: string }) {
  const words = useWords();
  const { loading } = useSession();
  const [{ data, error }, again] = useQuery({
    query: RoomDocument,
    variables: { slug },
    requestPolicy: "cache-and-network",
  });
  // A room that was found stays, whatever becomes of later questions: they go on in a call.
  const found = useRef<Room>(null);
  if (data?.room) found.current = data.room;
  if (found.current && !loading) return <Inside room={found.current} key={found.current.id} />;
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
    if (stage.at !== "preview") void loadCall();
  }, [stage.at]);
  if (stage.at !== "call") return <Entrance room={room} admission={admission} />;
  return (
    <Suspense fallback={<Connecting name={room.name} />}>
      <Call room={room} details={stage.details} ticket={stage.ticket} onLeft={admission.left} />
    </Suspense>
  );
}
