// Checks the links of every Markdown page: a relative link must name a file that exists, and a #fragment must name a
// heading of that page. Prints each broken link, and fails if there is one.
//
//   node tools/links.mjs [FOLDER]
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, extname, join, normalize, relative } from "node:path";

const root = process.argv[2] ?? ".";
const skipped = new Set([".git", "bin", "data", "dist", "node_modules"]);

function pages(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : pages(path);
    return extname(path) === ".md" ? [path] : [];
  });
}

// Text in code blocks and code spans has no links and no headings.
const withoutCode = (text) =>
  text.replace(/^( *)```.*?^\1```$/gms, "").replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()#]/g, ""));

// As GitHub makes anchors: letters, digits, hyphens and underscores of the heading; a repeated one gets a number.
function anchors(file) {
  const found = new Set();
  for (const [, heading] of withoutCode(readFileSync(file, "utf8")).matchAll(/^#+ +(.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const name = text.replace(/[^\p{L}\p{N}\-_ ]/gu, "").trim().replaceAll(" ", "-");
    let anchor = name;
    for (let n = 1; found.has(anchor); n++) anchor = `${name}-${n}`;
    found.add(anchor);
  }
  return found;
}

function problem(page, target) {
  const [path, fragment] = target.split("#");
  const file = path === "" ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (relative(root, file).startsWith("..")) return "leads out of the repository";
  if (!existsSync(file)) return "no such file";
  if (fragment === undefined || statSync(file).isDirectory() || extname(file) !== ".md") return "";
  return anchors(file).has(fragment) ? "" : "no such heading";
}

for (const page of pages(root)) {
  for (const [, target] of withoutCode(readFileSync(page, "utf8")).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue; // another site
    const wrong = problem(page, target);
    if (wrong === "") continue;
    console.error(`${relative(root, page)}: ${target}: ${wrong}`);
    process.exitCode = 1;
  }
}
