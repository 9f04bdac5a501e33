import { useSay } from "../ui/Toasts";
import { useWords } from "../words";

export const linkTo = (slug: string) => `${location.origin}/${slug}`;

/** Puts a room's link into the clipboard; where that is not allowed, shows it. */
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
