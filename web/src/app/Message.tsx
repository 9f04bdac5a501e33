import type { ReactNode } from "react";
import { Link } from "wouter";
import { buttonClass } from "../ui/Button";
import { useWords } from "../words";
import { Layout } from "./Layout";

interface Props {
  title: string;
  text: string;
  children?: ReactNode;
}

// A page with one message.
export function Message({ title, text, children }: Props) {
  const words = useWords();
  return (
    <Layout title={title} narrow>
      <div className="message">
        <h1 tabIndex={-1} className="break">
          {title}
        </h1>
        <p className="soft break">{text}</p>
        <div className="row row-wrap">
          {children}
          <Link href="/" className={buttonClass({ kind: children ? "plain" : "primary" })}>
            {words.toHome}
          </Link>
        </div>
      </div>
    </Layout>
  );
}
