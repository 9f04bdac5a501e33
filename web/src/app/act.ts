import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AnyVariables } from "@urql/core";
import { useCallback, useState } from "react";
import { useMutation } from "urql";
import { useSay } from "../ui/Toasts";
import { useWords } from "../words";
import { explain, type Failure, failureOf } from "./failure";

/**
 * A mutation. `act` resolves with its data, or with null when it failed. A failure is told in passing,
 * unless `quiet`: then whoever asked shows `failure`.
 */
export function useAct<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  { quiet = false } = {},
) {
  const words = useWords();
  const say = useSay();
  const [{ fetching: busy }, run] = useMutation(document);
  const [failure, setFailure] = useState<Failure | null>(null);
  const act = useCallback(
    async (variables: Variables): Promise<Data | null> => {
      setFailure(null);
      const { data, error } = await run(variables);
      if (!error) return data ?? null;
      const failure = failureOf(error);
      setFailure(failure);
      if (!quiet) say(explain(failure, words));
      return null;
    },
    [run, quiet, say, words],
  );
  return { act, busy, failure };
}
