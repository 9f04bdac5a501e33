import { createContext, type ReactNode, useContext } from "react";
import { useQuery } from "urql";
import { ViewerDocument, type ViewerQuery } from "../generated/operations";

export type Viewer = NonNullable<ViewerQuery["viewer"]>;

interface Session {
  /** Null without a sign-in, and until it is known. */
  viewer: Viewer | null;
  loading: boolean;
  failed: boolean;
  /** Features that this server offers. */
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

// As the server names a user without a name: never by the whole address, which is private.
export const nameOf = ({ displayName, fullName, email }: Viewer) =>
  displayName || fullName || email.replace(/@.*$/, "");

/** The address of the sign-in, which returns to the present page. A new account takes the browser's time zone. */
export const signInURL = (returnTo = location.pathname) =>
  `/login?${new URLSearchParams({ returnTo, timeZone })}`;

const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
