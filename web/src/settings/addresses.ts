/**
 * The addresses in a pasted text, with or without names, separated by commas, semicolons, spaces or line breaks:
 * `a@example.org b@example.org, "Lovelace, Ada" <ada@example.org>`. The server validates each.
 */
export function addressesIn(text: string): string[] {
  const found: string[] = [];
  let name = ""; // the part of an unquoted name before a comma: Lovelace, Ada <ada@example.org>
  let glued = false; // whether a comma follows the last address: without a space it may be a typing error in it
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

// Text up to a comma, a semicolon or a line break outside of quotes and angle brackets.
const part = /((?:"(?:[^"\\\n]|\\.)*"|<[^>\n]*>|[^,;\n])*)([,;\n]|$)/g;

// Separate addresses, unless one of the words is not an address.
function separate(text: string) {
  const words = text.split(/\s+/);
  return words.every((word) => word.includes("@")) ? words : [text];
}
