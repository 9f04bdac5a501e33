import { createContext, type ReactNode, useContext, useEffect } from "react";
import { en } from "./en";
import { fr } from "./fr";

export type Words = typeof en;

const languages: Record<string, Words> = { en, fr };

/** The page's texts, in the reader's language. */
export const useWords = () => useContext(Context);

/** The texts of the first preferred language that the page has, otherwise English. */
function choose(preferred: readonly string[]) {
  const spoken = preferred.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return languages[spoken.find((tag) => tag in languages) ?? "en"] ?? en;
}

const Context = createContext<Words>(choose(navigator.languages));

/** Provides the texts in `language` or, where the page does not have it, in a language of the browser. */
export function WordsProvider({ language, children }: { language?: string; children: ReactNode }) {
  const words = choose(language ? [language, ...navigator.languages] : navigator.languages);
  useEffect(() => {
    document.documentElement.lang = words.tag;
  }, [words]);
  return <Context value={words}>{children}</Context>;
}

/** The languages that a person can choose, each by its own name. */
export const languageNames = Object.values(languages).map(({ tag, name }) => [tag, name] as const);
