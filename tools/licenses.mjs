// Names the packages in npm's lock files whose licence is not allowed, and fails if there is one.
//
//   node licenses.mjs 'MIT ISC …' package-lock.json…
import { readFileSync } from 'node:fs';

const [allowed, ...files] = process.argv.slice(2);
const names = new Set(allowed.split(' '));

// An SPDX expression, of the simple forms that packages use: A, (A OR B), (A AND B).
const allows = (expression) =>
  expression.replace(/[()]/g, '').split(' OR ').some((all) => all.split(' AND ').every((name) => names.has(name)));

for (const file of files) {
  for (const [path, { license, link }] of Object.entries(JSON.parse(readFileSync(file)).packages)) {
    if (path !== '' && !link && !allows(String(license ?? 'none'))) {
      console.error(`${file}: ${path}: licence ${license ?? 'none'}`);
      process.exitCode = 1;
    }
  }
}
