import { signInURL } from "../app/session";
import { look } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

// For a host whose sign-in has ended during the meeting: people may be waiting whom they do not see.
export function SignedOut() {
  const words = useWords();
  return (
    <div className="notice">
      <Icon name="warn" />
      <span className="grow">{words.lobby.signedOut}</span>
      <a className={look({ kind: "primary", small: true })} href={signInURL("/")} target="_blank" rel="noopener">
        {words.nav.signIn}
      </a>
    </div>
  );
}
