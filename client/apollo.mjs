// Foyer with Apollo Client (@apollo/client 4), and graphql-ws for subscriptions.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors, ServerError } from "@apollo/client/errors";
import { SetContextLink } from "@apollo/client/link/context";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createSocket } from "./socket.mjs";

export function connect({ url, token = async () => null }) {
  const signIn = new SetContextLink(async ({ headers }) => {
    const bearer = await token();
    return bearer ? { headers: { ...headers, authorization: `Bearer ${bearer}` } } : { headers };
  });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === "subscription",
      new GraphQLWsLink(createSocket({ url, token })),
      signIn.concat(new HttpLink({ uri: url })),
    ),
  });
  // A cache must not keep join tokens. "all" keeps errors that arrive with data.
  const options = { fetchPolicy: "no-cache", errorPolicy: "all" };
  return {
    client,
    async ask(document, variables) {
      const run = document.startsWith("query")
        ? client.query({ query: gql(document), variables, ...options })
        : client.mutate({ mutation: gql(document), variables, ...options });
      return answer(await run);
    },
    watch(document, variables, { next, error, complete }) {
      const subscription = client
        .subscribe({ query: gql(document), variables, ...options })
        .subscribe({ next: (result) => next(answer(result)), error, complete });
      return () => subscription.unsubscribe();
    },
  };
}

// answer restores the shape of Foyer's response.
function answer({ data, error }) {
  // A refused token: the body is a GraphQL response, but Apollo reports only the status.
  if (ServerError.is(error) && error.statusCode === 401) return JSON.parse(error.bodyText);
  if (error && !CombinedGraphQLErrors.is(error)) throw error;
  return { data, errors: error?.errors };
}
