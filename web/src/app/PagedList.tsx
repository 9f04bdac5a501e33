import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { OperationContext } from "@urql/core";
import { Fragment, type ReactNode, useState } from "react";
import { useQuery } from "urql";
import { Button } from "../ui/Button";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { explain, failureOf } from "../words/failure";
import { Loading } from "./Layout";
import { usePoll } from "./poll";

interface Connection<Node> {
  edges: ({ node: Node | null } | null)[] | null;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  totalCount: number;
}

interface Props<Data, Node> {
  query: TypedDocumentNode<Data, { after?: string | null }>;
  /** Names the types in the list for the cache: an empty list names none, and would not be fetched again. */
  context: Partial<OperationContext>;
  connection(data: Data): Connection<Node>;
  row(node: Node): ReactNode;
  /** The list item of an empty list. */
  empty: ReactNode;
  /** Whether a row changes without an action of the viewer: its page is polled. */
  isChanging?(node: Node): boolean;
}

/** A list that is fetched page by page, as the reader asks for more. */
export function PagedList<Data, Node extends { id: string }>({
  className,
  ...rest
}: Props<Data, Node> & { className: string }) {
  const [pages, setPages] = useState<(string | null)[]>([null]);
  return (
    <ul className={className}>
      {pages.map((after) => (
        <Page
          {...rest}
          key={after}
          after={after}
          last={after === pages.at(-1)}
          onMore={(next) => setPages([...pages, next])}
        />
      ))}
    </ul>
  );
}

interface PageProps<Data, Node> extends Props<Data, Node> {
  after: string | null;
  last: boolean;
  onMore(after: string): void;
}

function Page<Data, Node extends { id: string }>(props: PageProps<Data, Node>) {
  const { query, context, connection, row, empty, isChanging, after, last, onMore } = props;
  const words = useWords();
  const [{ data, error }, again] = useQuery({
    query,
    variables: { after },
    requestPolicy: "cache-and-network",
    context,
  });
  const found = data && connection(data);
  const nodes = found?.edges?.flatMap((edge) => edge?.node ?? []) ?? [];
  usePoll(!!isChanging && nodes.some(isChanging), () => again({ requestPolicy: "network-only" }));
  if (error) {
    return (
      <li>
        <Note kind="danger">{explain(failureOf(error), words)}</Note>
      </li>
    );
  }
  if (!found) {
    return (
      <li>
        <Loading />
      </li>
    );
  }
  if (!found.totalCount) return empty;
  return (
    <>
      {nodes.map((node) => (
        <Fragment key={node.id}>{row(node)}</Fragment>
      ))}
      {last && found.pageInfo.hasNextPage && (
        <li>
          <Button onClick={() => onMore(found.pageInfo.endCursor!)}>{words.more}</Button>
        </li>
      )}
    </>
  );
}
