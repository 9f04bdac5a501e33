import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AnyVariables } from "@urql/core";
import { useCallback, useState } from "react";
import { useMutation } from "urql";
import { useComplain } from "../ui/Toasts";
import { useWords } from "../words";
import { explain, type Failure, failureOf } from "../words/failure";

/**
 * A mutation. `act` resolves with its data, or with null when it failed. A toast shows the failure until the next
 * try. With `quiet` there is no toast: the caller shows `failure`, as every dialog does.
 */
export function useAct<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  { quiet = false } = {},
) {
  const words = useWords();
  const complain = useComplain();
  const [{ fetching: busy }, run] = useMutation(document);
  const [failure, setFailure] = useState<Failure | null>(null);
  const act = useCallback(
    async (variables: Variables): Promise<Data | null> => {
      setFailure(null);
      complain(null);
      const { data, error } = await run(variables);
      if (!error) return data ?? null;
      const failure = failureOf(error);
      setFailure(failure);
      if (!quiet) complain(explain(failure, words));
      return null;
    },
    [run, quiet, complain, words],
  );
  return { act, busy, failure };
}
