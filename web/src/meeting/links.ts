export interface Part {
  text: string;
  /** Where it leads, of an address. */
  href?: string;
}

// What ends a sentence, or closes a bracket, is no part of the address before it. Nor are marks that have the rest
// read in another direction: the address would look like another one.
const address = /\bhttps?:\/\/[^\s<>"\p{Bidi_Control}]*[^\s<>"\p{Bidi_Control}.,;:!?'’”»)\]}]/giu;

/** A text in parts, of which some are addresses of the web. */
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

// URL.canParse is newer than some browsers that we support.
function parses(address: string) {
  try {
    return !!new URL(address);
  } catch {
    return false;
  }
}
