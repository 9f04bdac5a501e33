export interface Part {
  text: string;
  /** The target, if the part is an address. */
  href?: string;
}

// The end of a sentence and a closing bracket are not part of the address before them. Nor are marks that reverse the
// direction of the text: they would make the address look like another one.
const address = /\bhttps?:\/\/[^\s<>"\p{Bidi_Control}]*[^\s<>"\p{Bidi_Control}.,;:!?'’”»)\]}]/giu;

/** Splits a text into web addresses and the text between them. */
export function linksIn(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(address)) {
    if (!parses(found)) continue;
    if (index > end) parts.push({ text: text.slice(end, index) });
    parts.push({ text: found, href: found });
    end = index + found.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

// URL.canParse is newer than the oldest browsers in README.md.
function parses(address: string) {
  try {
    return !!new URL(address);
  } catch {
    return false;
  }
}
