// A door that is ajar, with light behind it.
export function Picture() {
  return (
    <svg className="picture" viewBox="0 0 400 470" aria-hidden="true">
      <path className="picture-wall" d="M20 420V200a180 180 0 0 1 360 0v220z" />
      <path className="picture-arch" d="M72 420V204a128 128 0 0 1 256 0v216z" />
      <path className="picture-door" d="M120 420V208a80 80 0 0 1 160 0v212z" />
      <path className="picture-light" d="M166 420h114l70 50H130z" />
      <path className="picture-leaf" d="M120 420V208a80 80 0 0 1 26-59l20 11v260z" />
      <circle className="picture-knob" cx="152" cy="310" r="6" />
      <path className="picture-floor" d="M0 420h400" />
    </svg>
  );
}
