// Writes dist/documents.json: the page's documents, in the format of FOYER_TRUSTED_DOCUMENTS. A server that
// allows only trusted documents allows these too. `npm run build` runs it.
import { createRequest, formatDocument, stringifyDocument } from "@urql/core";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "vite";
import * as guest from "../client/guest.mjs";

const vite = await createServer({ server: { middlewareMode: true, ws: false }, appType: "custom", logLevel: "error" });
const operations = await vite.ssrLoadModule("/src/generated/operations.ts");
await vite.close();

const documents = [
  ...Object.values(operations).filter((value) => value?.definitions?.[0].operation),
  ...Object.values(guest).filter((value) => typeof value === "string"),
];
const manifest = {};
for (const document of documents) {
  const { query } = createRequest(document, {});
  // urql's cache adds __typename to queries and mutations, but not to subscriptions.
  for (const sent of [stringifyDocument(query), stringifyDocument(formatDocument(query))]) {
    manifest[createHash("sha256").update(sent).digest("hex")] = sent;
  }
}
writeFileSync(new URL("dist/documents.json", import.meta.url), JSON.stringify(manifest));
