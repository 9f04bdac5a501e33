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

// Initials in place of a picture. The name is beside it, so screen readers skip the initials.
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
