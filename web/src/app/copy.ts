import { useSay } from "../ui/Toasts";
import { useWords } from "../words";

export const linkTo = (slug: string) => `${location.origin}/${slug}`;

/** Copies a room's link to the clipboard, or shows it where the browser does not allow that. */
export function useCopyLink() {
  const words = useWords();
  const say = useSay();
  return async (slug: string) => {
    try {
      await navigator.clipboard.writeText(linkTo(slug));
      say(words.copied);
    } catch {
      say(linkTo(slug));
    }
  };
}
