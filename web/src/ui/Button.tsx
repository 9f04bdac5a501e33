import type { ComponentProps } from "react";
import { Icon, type IconName } from "./Icon";

type Kind = "primary" | "plain" | "quiet" | "danger";

interface Look {
  kind?: Kind;
  icon?: IconName;
  small?: boolean;
  wide?: boolean;
}

export function buttonClass({ kind = "plain", small, wide }: Look) {
  return ["button", `button-${kind}`, small && "button-small", wide && "button-wide"]
    .filter(Boolean)
    .join(" ");
}

// A busy button stays focusable, so that the keyboard does not lose the focus.
export function Button({
  kind,
  icon,
  small,
  wide,
  busy = false,
  children,
  onClick,
  ...rest
}: Look & { busy?: boolean } & ComponentProps<"button">) {
  return (
    <button
      type="button"
      {...rest}
      className={buttonClass({ kind, small, wide })}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

// A button with an icon only. Its label is the accessible name and the tooltip.
export function IconButton({
  icon,
  label,
  small,
  kind = "quiet",
  ...rest
}: { icon: IconName; label: string; small?: boolean; kind?: Kind } & Omit<
  ComponentProps<"button">,
  "children"
>) {
  return (
    <button
      type="button"
      {...rest}
      className={`${buttonClass({ kind, small })} button-icon`}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} />
    </button>
  );
}
