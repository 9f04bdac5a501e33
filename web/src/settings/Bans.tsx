import { useQuery } from "urql";
import { useAct } from "../app/act";
import { Loading } from "../app/Layout";
import { LiftBanDocument, RoomBansDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Failed } from "../ui/Dialog";
import { Face } from "../ui/Face";
import { Trouble } from "../ui/Trouble";
import { useWords } from "../words";

const context = { additionalTypenames: ["RoomBan"] };

// The people who are banned from the room.
export function Bans({ roomId }: { roomId: string }) {
  const words = useWords();
  const [{ data, error }, again] = useQuery({
    query: RoomBansDocument,
    variables: { id: roomId },
    requestPolicy: "cache-and-network",
    context,
  });
  const { act, busy, failure } = useAct(LiftBanDocument, { quiet: true });
  if (error) return <Trouble error={error} onAgain={() => again({ requestPolicy: "network-only" })} />;
  const bans = data?.room?.bans;
  if (!bans) return <Loading />;
  if (!bans.totalCount) return <p className="soft">{words.settings.noBans}</p>;
  return (
    <>
      <Failed failure={failure} />
      <ul className="people-list" aria-label={words.settings.bans}>
        {bans.edges?.map((edge) => {
          const ban = edge?.node;
          return (
            ban && (
              <li className="person" key={ban.id}>
                <Face name={ban.displayName} small />
                <div className="grow">
                  <p className="clip person-name">{ban.displayName}</p>
                  <p className="small soft">
                    {words.ban[ban.scope].name} · {words.date(ban.createdAt)}
                  </p>
                </div>
                <Button
                  small
                  busy={busy}
                  aria-label={words.settings.liftName(ban.displayName)}
                  onClick={() => act({ input: { banId: ban.id } })}
                >
                  {words.settings.lift}
                </Button>
              </li>
            )
          );
        })}
      </ul>
    </>
  );
}
