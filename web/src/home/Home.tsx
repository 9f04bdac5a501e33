import { Layout, Loading } from "../app/Layout";
import { nameOf, signInURL, useSession, type Viewer } from "../app/session";
import { buttonClass } from "../ui/Button";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import { JoinForm } from "./JoinForm";
import { MyRooms } from "./MyRooms";
import { Picture } from "./Picture";

export function Home() {
  const { viewer, loading, failed } = useSession();
  const words = useWords();
  return (
    <Layout title="Foyer">
      {failed && <Note kind="danger">{words.faults.network}</Note>}
      {loading && <Loading />}
      {viewer && <Mine viewer={viewer} />}
      {!viewer && !loading && <Welcome />}
    </Layout>
  );
}

function Welcome() {
  const words = useWords();
  const { canSignIn } = useSession();
  return (
    <div className="welcome">
      <div className="welcome-text">
        <h1 tabIndex={-1}>{words.welcome.title}</h1>
        <p className="welcome-lead soft">{words.welcome.text}</p>
        <div className="card stack">
          <JoinForm />
        </div>
        {canSignIn && (
          <p className="row row-wrap">
            <span className="soft">{words.welcome.host}</span>
            <a className={buttonClass({ kind: "primary" })} href={signInURL()}>
              {words.nav.signIn}
            </a>
          </p>
        )}
      </div>
      <Picture />
    </div>
  );
}

function Mine({ viewer }: { viewer: Viewer }) {
  const words = useWords();
  return (
    <div className="mine">
      <h1 tabIndex={-1} className="mine-title">
        {words.home.hello(viewer.shortName || nameOf(viewer))}
      </h1>
      <MyRooms />
      <aside className="mine-side" aria-label={words.join.title}>
        <div className="card stack">
          <h2>{words.join.title}</h2>
          <JoinForm />
        </div>
        {viewer.email && !viewer.emailVerified && (
          <Note kind="warn">{words.home.unverified(viewer.email)}</Note>
        )}
      </aside>
    </div>
  );
}
