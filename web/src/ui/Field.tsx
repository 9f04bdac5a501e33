import { type ComponentProps, type ReactNode, useEffect, useId } from "react";
import { Icon } from "./Icon";

interface Around {
  label: string;
  hint?: ReactNode;
  fault?: string | null;
}

function described(id: string, { hint, fault }: Around) {
  const by = [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return {
    id,
    "aria-describedby": by || undefined,
    "aria-invalid": fault ? true : undefined,
    className: "input",
  };
}

function Frame({ id, label, hint, fault, children }: Around & { id: string; children: ReactNode }) {
  useEffect(() => {
    if (fault) document.getElementById(id)?.focus(); // the person continues there
  }, [id, fault]);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children}
      {fault && (
        <p className="field-fault" id={`${id}-fault`} role="alert">
          <Icon name="warn" />
          {fault}
        </p>
      )}
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Field({ label, hint, fault, ...rest }: Around & ComponentProps<"input">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} fault={fault}>
      <input {...rest} {...described(id, { label, hint, fault })} />
    </Frame>
  );
}

export function TextArea({ label, hint, fault, ...rest }: Around & ComponentProps<"textarea">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} fault={fault}>
      <textarea {...rest} {...described(id, { label, hint, fault })} />
    </Frame>
  );
}

export function Select({ label, hint, fault, children, ...rest }: Around & ComponentProps<"select">) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} fault={fault}>
      <div className="select">
        <select {...rest} {...described(id, { label, hint, fault })}>
          {children}
        </select>
        <Icon name="down" />
      </div>
    </Frame>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  hint?: string;
}

interface Choosing<T extends string> {
  legend: string;
  value: T;
  choices: Choice<T>[];
  onChange(value: NoInfer<T>): void;
}

// A choice of one, with an explanation for each.
export function Choices<T extends string>({ legend, value, choices, onChange }: Choosing<T>) {
  const name = useId();
  return (
    <fieldset>
      <legend className="legend">{legend}</legend>
      <div className="choices">
        {choices.map((choice) => (
          <label className="choice" key={choice.value}>
            <input
              type="radio"
              name={name}
              value={choice.value}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            <span>
              {choice.label}
              {choice.hint && <small>{choice.hint}</small>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Check({ label, ...rest }: { label: string } & ComponentProps<"input">) {
  return (
    <label className="check">
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}
