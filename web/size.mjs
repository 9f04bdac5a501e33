// Fails when a browser loads more than the limit before a meeting. `npm run build` runs it.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 250 * 1024; // bytes, compressed
const dist = new URL("dist/", import.meta.url);
const chunks = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist)));

function filesOf(name, seen = new Set()) {
  const { file, css = [], assets = [], imports = [] } = chunks[name];
  [file, ...css, ...assets].forEach((path) => seen.add(path));
  imports.forEach((other) => filesOf(other, seen));
  return seen;
}

const gzipped = (path) => gzipSync(readFileSync(new URL(path, dist)), { level: 9 }).length;
const files = ["index.html", "start.js", ...filesOf("index.html")];
const total = files.reduce((sum, file) => sum + gzipped(file), 0);
const kB = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
console.log(`first load: ${kB(total)} of ${kB(LIMIT)}, in ${files.length} files`);
rmSync(new URL(".vite", dist), { recursive: true }); // the server embeds the other files
if (total > LIMIT) {
  files.forEach((file) => console.error(kB(gzipped(file)), file));
  process.exit(1);
}
