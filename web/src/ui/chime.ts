/** Plays notes, in hertz, softly one after the other. Does nothing where the browser plays no sound. */
export function chime(notes: number[]) {
  try {
    play(notes);
  } catch {
    // The page works without sound.
  }
}

function play(notes: number[]) {
  const context = new AudioContext();
  notes.forEach((frequency, index) => {
    const at = context.currentTime + index * 0.14;
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.12, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
    const tone = new OscillatorNode(context, { frequency, type: "sine" });
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.5);
    if (index === notes.length - 1) tone.onended = () => void context.close();
  });
}
