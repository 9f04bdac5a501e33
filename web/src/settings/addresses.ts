/**
 * The addresses in a text as people paste it, with names or without, between commas, semicolons, spaces or lines:
 * `a@example.org b@example.org, "Lovelace, Ada" <ada@example.org>`. The server judges each.
 */
export function addressesIn(text: string): string[] {
  const found: string[] = [];
  let name = ""; // the part before a comma of a name without quotes: Lovelace, Ada <ada@example.org>
  let glued = false; // whether a comma without a space follows the last address, which may be a slip in it
  for (const [, piece = "", end] of text.matchAll(part)) {
    const whole = piece.trim();
    if (whole.includes("<")) found.push(name + whole);
    else if (name) found.push(name.slice(0, -2));
    name = "";
    if (!whole.includes("<") && whole) {
      if (whole.includes("@")) found.push(...separate(whole));
      else if (glued && !/^\s/.test(piece)) found.push(`${found.pop()},${whole}`);
      else if (end === ",") name = `${whole}, `;
      else found.push(whole);
    }
    glued = end === "," && whole.includes("@") && !whole.includes("<");
  }
  return found;
}

// What ends with a comma, a semicolon or a line, outside of quotes and angle brackets.
const part = /((?:"(?:[^"\\\n]|\\.)*"|<[^>\n]*>|[^,;\n])*)([,;\n]|$)/g;

// Words are addresses of their own, unless one is none.
function separate(text: string) {
  const words = text.split(/\s+/);
  return words.every((word) => word.includes("@")) ? words : [text];
}
