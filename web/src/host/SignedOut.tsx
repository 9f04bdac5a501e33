import { signInURL } from "../app/session";
import { buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { useWords } from "../words";

// For a host whose session ended during the meeting: they no longer see the waiting guests.
export function SignedOut() {
  const words = useWords();
  return (
    <div className="notice">
      <Icon name="warn" />
      <span className="grow">{words.lobby.signedOut}</span>
      <a
        className={buttonClass({ kind: "primary", small: true })}
        href={signInURL("/")}
        target="_blank"
        rel="noopener"
      >
        {words.nav.signIn}
      </a>
    </div>
  );
}
