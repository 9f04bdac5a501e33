import { useAct } from "../app/act";
import { AdmitEntryDocument } from "../generated/operations";
import { Button } from "../ui/Button";
import { Face } from "../ui/Face";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";
import type { Lobby } from "./lobby";

interface Props {
  roomId: string;
  lobby: Lobby;
  locked: boolean;
  onShow(): void;
}

// Shows the waiting guests over the pictures, while the panel is closed.
export function KnockBanner({ roomId, lobby, locked, onShow }: Props) {
  const words = useWords();
  const { act, busy } = useAct(AdmitEntryDocument);
  const [first] = lobby.entries;
  const one = lobby.totalCount === 1 && first;
  return (
    <div className="knock">
      {lobby.totalCount > 0 && (
        <div className="notice knock-card">
          {one ? <Face name={one.displayName} color={one.color} small /> : <Icon name="door" />}
          <span className="grow break">
            {one ? words.lobby.oneWaits(one.displayName) : words.lobby.manyWait(lobby.totalCount)}
          </span>
          <div className={one && !locked ? "row knock-decide" : "row"}>
            <Button small onClick={onShow}>
              {words.lobby.show}
            </Button>
            {one && !locked && (
              <Button
                small
                kind="primary"
                busy={busy}
                onClick={() => act({ input: { roomId, entryId: one.id } })}
              >
                {words.lobby.admit}
              </Button>
            )}
          </div>
        </div>
      )}
    </div>
  );
}
