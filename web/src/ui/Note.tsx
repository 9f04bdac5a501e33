import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

interface Props {
  kind?: "info" | "warn" | "danger";
  icon?: IconName;
  children: ReactNode;
}

export function Note({ kind = "info", icon, children }: Props) {
  return (
    <div className={`note note-${kind}`}>
      <Icon name={icon ?? (kind === "info" ? "info" : "warn")} />
      <div className="grow break">{children}</div>
    </div>
  );
}
