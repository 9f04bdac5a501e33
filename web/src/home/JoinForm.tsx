import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { useWords } from "../words";
import { slugOf } from "./slug";

export function JoinForm() {
  const words = useWords();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  function submit(event: FormEvent) {
    event.preventDefault();
    const slug = slugOf(text);
    if (slug) go(`/${slug}`);
    else setFault(words.join.fault);
  }
  return (
    <form className="join" onSubmit={submit} noValidate>
      <Field
        label={words.join.label}
        hint={words.join.hint}
        fault={fault}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setFault(null);
        }}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="abc-defg-hij"
      />
      <Button type="submit" kind="plain" wide>
        {words.join.go}
      </Button>
    </form>
  );
}
