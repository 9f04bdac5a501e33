interface Props {
  name: string;
  color?: string;
  small?: boolean;
}

function initials(name: string) {
  const parts = name.trim().split(/\s+/);
  const letters = parts.length > 1 ? [parts[0], parts.at(-1)] : [parts[0]];
  return letters
    .map((part) => Array.from(part ?? "")[0] ?? "")
    .join("")
    .toUpperCase();
}

// Stands for a person whom no camera shows. The name is written beside it, so the initials are no text.
export function Face({ name, color, small }: Props) {
  return (
    <span
      className={small ? "face face-small" : "face"}
      style={{ backgroundColor: color }}
      data-initials={initials(name)}
      aria-hidden="true"
    />
  );
}
