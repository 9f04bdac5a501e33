import { Component, type ReactNode } from "react";
import { useWords } from "../words";
import { Button } from "./Button";
import { Note } from "./Note";

interface Props {
  children: ReactNode;
  /** Replaces the children after they have thrown: nothing by default. `again` renders them again. */
  fallback?(again: () => void): ReactNode;
}

// Children that throw do not break the page around them.
export class Guard extends Component<Props, { broken: boolean }> {
  state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  again = () => this.setState({ broken: false });

  render() {
    return this.state.broken ? (this.props.fallback?.(this.again) ?? null) : this.props.children;
  }
}

// A part of the meeting. When it throws, a note replaces it, and the meeting continues.
export function Part({ children }: { children: ReactNode }) {
  return <Guard fallback={(again) => <Stumbled onAgain={again} />}>{children}</Guard>;
}

function Stumbled({ onAgain }: { onAgain(): void }) {
  const words = useWords();
  return (
    <div role="alert" className="stumbled">
      <Note kind="warn">
        <div className="stack stack-s">
          <p>{words.meeting.stumbled}</p>
          <div className="row">
            <Button small onClick={onAgain}>
              {words.meeting.showAgain}
            </Button>
          </div>
        </div>
      </Note>
    </div>
  );
}
