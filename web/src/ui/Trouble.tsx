import type { CombinedError } from "@urql/core";
import { useWords } from "../words";
import { explain, failureOf } from "../words/failure";
import { Button } from "./Button";
import { Note } from "./Note";

interface Props {
  error: CombinedError;
  onAgain(): void;
}

// Replaces data that could not be fetched.
export function Trouble({ error, onAgain }: Props) {
  const words = useWords();
  return (
    <Note kind="danger">
      <div className="stack stack-s">
        <p>{explain(failureOf(error), words)}</p>
        <div className="row">
          <Button small onClick={onAgain}>
            {words.tryAgain}
          </Button>
        </div>
      </div>
    </Note>
  );
}
