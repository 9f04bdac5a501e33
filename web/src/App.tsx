import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { Provider } from "urql";
import { Route, Switch, useLocation } from "wouter";
import { foyer } from "./app/foyer";
import { Message } from "./app/Message";
import { SessionProvider, useSession } from "./app/session";
import { Home } from "./home/Home";
import { RoomPage } from "./RoomPage";
import { Button } from "./ui/Button";
import { Guard } from "./ui/Guard";
import { Toasts } from "./ui/Toasts";
import { useWords, WordsProvider } from "./words";

const Recordings = lazy(() => import("./recordings/Recordings"));
const RecordingPage = lazy(() => import("./recordings/RecordingPage"));

export function App() {
  return (
    <Guard fallback={() => <BrokenApart />}>
      <Provider value={foyer.client}>
        <SessionProvider>
          <Spoken>
            <Toasts>
              <Guard fallback={() => <Broken />}>
                <Suspense>
                  <Routes />
                </Suspense>
              </Guard>
            </Toasts>
          </Spoken>
        </SessionProvider>
      </Provider>
    </Guard>
  );
}

// Shows texts in the language of the account, once it is known.
function Spoken({ children }: { children: ReactNode }) {
  const { viewer } = useSession();
  return <WordsProvider language={viewer?.language}>{children}</WordsProvider>;
}

function Routes() {
  useFocusOnNavigation();
  return (
    <Switch>
      <Route path="/" component={Home} />
      <Route path="/recordings" component={Recordings} />
      <Route path="/recordings/:id">{({ id }) => <RecordingPage key={id} id={id} />}</Route>
      <Route path="/:slug">
        {({ slug }) =>
          // The server treats a path with a dot as a file, so no slug has one.
          slug.includes(".") ? <NotFound /> : <RoomPage key={slug} slug={slug} />
        }
      </Route>
      <Route component={NotFound} />
    </Switch>
  );
}

// Focuses the new page's heading after a change of address, so that screen readers read it. It does not take the
// focus from a person who has focused something else by then.
function useFocusOnNavigation() {
  const [path] = useLocation();
  const before = useRef(path);
  useEffect(() => {
    if (path === before.current) return;
    before.current = path;
    scrollTo(0, 0);
    const root = document.getElementById("root")!;
    const observer = new MutationObserver(focusHeading);
    function focusHeading() {
      const heading = root.querySelector<HTMLElement>("h1");
      if (!heading) return;
      observer.disconnect();
      if (document.activeElement === document.body) heading.focus();
    }
    (document.activeElement as HTMLElement | null)?.blur();
    observer.observe(root, { childList: true, subtree: true });
    focusHeading();
    return () => observer.disconnect();
  }, [path]);
}

// Replaces a page that has thrown. A page also throws when a deploy has replaced a chunk that it loads.
function Broken() {
  const words = useWords();
  return (
    <Message title={words.notFound.broken} text={words.notFound.brokenText}>
      <Button kind="primary" onClick={() => location.reload()}>
        {words.notFound.reload}
      </Button>
    </Message>
  );
}

// The same for a failure around the page: it uses no provider and no layout.
function BrokenApart() {
  const words = useWords();
  return (
    <main className="page page-narrow message">
      <h1>{words.notFound.broken}</h1>
      <p>{words.notFound.brokenText}</p>
      <Button kind="primary" onClick={() => location.reload()}>
        {words.notFound.reload}
      </Button>
    </main>
  );
}

function NotFound() {
  const words = useWords();
  return <Message title={words.notFound.title} text={words.notFound.text} />;
}
