import type { Client as Urql, Exchange } from "@urql/core";
import type { Client as Socket } from "graphql-ws";
import type { Foyer } from "./guest.mjs";

export function connect(settings: {
  url: string;
  token?(): Promise<string | null>;
  exchanges?: Exchange[];
}): Foyer & { client: Urql; socket: Socket };
