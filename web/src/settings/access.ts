import type { Words } from "../words";

/** Who enters without asking, as choices. */
export const accessChoices = (words: Words) =>
  (["RESTRICTED", "TRUSTED", "PUBLIC"] as const).map((value) => ({
    value,
    label: words.access[value].name,
    hint: words.access[value].hint,
  }));
