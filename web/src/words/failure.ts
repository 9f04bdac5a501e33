import { CombinedError } from "@urql/core";
import type { Words } from ".";

/** A failure, with the extensions of the GraphQL error. The code is NETWORK when the server did not answer. */
export interface Failure {
  code: string;
  message: string;
  field?: string;
  reason?: string;
  decision?: string;
  role?: string;
  retryAfter?: number;
  indexes?: number[];
  requestId?: string;
}

interface GraphQLish {
  message: string;
  extensions?: Record<string, unknown>;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CombinedError) {
    const first = error.graphQLErrors[0];
    return first ? fromGraphQL(first) : network(error);
  }
  if (error instanceof Error && "code" in error)
    return { ...(error as object), message: error.message } as Failure;
  return network(error);
}

export function fromGraphQL({ message, extensions }: GraphQLish): Failure {
  return { code: "INTERNAL", ...extensions, message };
}

const network = (error: unknown): Failure => ({ code: "NETWORK", message: String(error) });

/** Whether a retry may work. */
export const passes = ({ code }: Failure) =>
  ["NETWORK", "RATE_LIMITED", "UNAVAILABLE", "INTERNAL"].includes(code);

/** The sentence for a failure. This is the only place where codes become sentences. */
export function explain(failure: Failure, { faults }: Words): string {
  const { code, reason, retryAfter, requestId, message } = failure;
  if (reason === "BANNED") return faults.banned;
  if (reason === "REPLACED") return faults.replaced;
  if (reason === "LOCKED") return code === "CONFLICT" ? faults.unlockFirst : faults.locked;
  switch (code) {
    case "NETWORK":
      return faults.network;
    case "INVALID":
    case "CONFLICT":
      return conflict(failure, faults) ?? faults.because(message);
    case "UNAUTHENTICATED":
      return faults.signIn;
    case "FORBIDDEN":
      return faults.forbidden;
    case "NOT_FOUND":
      return faults.notFound;
    case "LOBBY_REQUIRED":
      return faults.knock;
    case "RATE_LIMITED":
      return retryAfter ? faults.retryIn(Math.ceil(retryAfter)) : faults.tooMany;
    case "UNAVAILABLE":
      return faults.unavailable;
    default:
      return requestId ? faults.internal(requestId) : faults.unknown;
  }
}

function conflict({ decision, role }: Failure, faults: Words["faults"]) {
  if (decision) return faults.decided;
  if (role) return faults.hasRole;
  return null;
}
