import { createContext, type ReactNode, useContext } from "react";
import { useQuery } from "urql";
import { ViewerDocument, type ViewerQuery } from "../generated/operations";

export type Viewer = NonNullable<ViewerQuery["viewer"]>;

interface Session {
  /** Null for nobody, and while it is not known. */
  viewer: Viewer | null;
  loading: boolean;
  failed: boolean;
  /** What this server offers. */
  canSignIn: boolean;
  canInvite: boolean;
  canRecord: boolean;
}

const Context = createContext<Session>({
  viewer: null,
  loading: true,
  failed: false,
  canSignIn: false,
  canInvite: false,
  canRecord: false,
});

export const useSession = () => useContext(Context);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [{ data, error }] = useQuery({ query: ViewerDocument });
  const session = {
    viewer: data?.viewer ?? null,
    loading: !data && !error,
    failed: !!error,
    canSignIn: data?.capabilities.signIn ?? false,
    canInvite: data?.capabilities.invitations ?? false,
    canRecord: data?.capabilities.recordings ?? false,
  };
  return <Context value={session}>{children}</Context>;
}

// What the server calls somebody who has no name either: never the whole address, which is theirs alone.
export const nameOf = ({ displayName, fullName, email }: Viewer) =>
  displayName || fullName || email.replace(/@.*$/, "");

/** Where signing in begins; it comes back to where the person is now. A new account takes the browser's time zone. */
export const signInURL = (returnTo = location.pathname) =>
  `/login?${new URLSearchParams({ returnTo, timeZone })}`;

const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
