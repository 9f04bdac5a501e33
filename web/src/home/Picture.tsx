// A door at the end of a hall, with light behind it.
export function Picture() {
  return (
    <svg className="picture" viewBox="0 0 400 440" aria-hidden="true">
      <path className="picture-wall" d="M20 440V200a180 180 0 0 1 360 0v240z" />
      <path className="picture-arch" d="M70 440V206a130 130 0 0 1 260 0v234z" />
      <path className="picture-door" d="M120 440V212a80 80 0 0 1 160 0v228z" />
      <path className="picture-light" d="M200 132a80 80 0 0 1 80 80v228h60l-60-228" />
      <path className="picture-leaf" d="M120 440V212a80 80 0 0 1 46-72v300z" />
      <circle className="picture-knob" cx="153" cy="320" r="7" />
      <path className="picture-floor" d="M0 440h400" />
    </svg>
  );
}
