// node manifest.mjs > documents.json: writes the documents in guest.mjs for FOYER_TRUSTED_DOCUMENTS.
import { createHash } from "node:crypto";
import * as exported from "./guest.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const documents = Object.values(exported).filter((value) => typeof value === "string");
console.log(JSON.stringify(Object.fromEntries(documents.map((text) => [sha256(text), text])), null, 2));
