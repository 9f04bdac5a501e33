import type { DocumentInput } from "@urql/core";

export interface Answer<Data> {
  data?: Data | null;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/** The result of `connect` in urql.mjs, apollo.mjs, relay.mjs and fetch.mjs. */
export interface Foyer {
  ask<Data, Variables>(document: string, variables: Variables): Promise<Answer<Data>>;
  watch<Data, Variables>(
    document: DocumentInput<Data, Variables>,
    variables: Variables,
    sink: { next(answer: Answer<Data>): void; error(reason: Error): void; complete(): void },
  ): () => void;
}

export interface GuestEntry {
  id: string;
  status: "WAITING" | "ADMITTED" | "DENIED" | "LEFT" | "ENDED";
  version: number;
  message: string | null;
  position: number | null;
  removal: "REMOVED" | "RETURNED" | null;
  retryAfter: number | null;
  connectionDetails: {
    serverUrl: string;
    roomName: string;
    participantName: string;
    participantToken: string;
    expiresAt: string;
  } | null;
}

export interface Refusal extends Error {
  code?: string;
  field?: string;
  reason?: string;
  retryAfter?: number;
  requestId?: string;
}

export function enter(
  foyer: Foyer,
  how: {
    roomId: string;
    displayName: string;
    tickets: Pick<Storage, "getItem" | "setItem" | "removeItem">;
    show(entry: GuestEntry): void;
    fail?(error: Refusal): void;
    signal?: AbortSignal;
  },
): Promise<GuestEntry | undefined>;
