import { createContext, type ReactNode, useContext, useEffect } from "react";
import { en } from "./en";
import { fr } from "./fr";

export type Words = typeof en;

const languages: Record<string, Words> = { en, fr };

/** The page's texts, in the reader's language. */
export const useWords = () => useContext(Context);

/** The first language that we speak: the account's own, else what the browser asks for. */
function choose(preferred: readonly string[]) {
  const spoken = preferred.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return languages[spoken.find((tag) => tag in languages) ?? "en"] ?? en;
}

const Context = createContext<Words>(choose(navigator.languages));

/** Speaks `language` where the page has it, else the browser's. */
export function WordsProvider({ language, children }: { language?: string; children: ReactNode }) {
  const words = choose(language ? [language, ...navigator.languages] : navigator.languages);
  useEffect(() => {
    document.documentElement.lang = words.tag;
  }, [words]);
  return <Context value={words}>{children}</Context>;
}

/** Languages that can be chosen, each in its own words. */
export const languageNames = Object.values(languages).map(({ tag, name }) => [tag, name] as const);
