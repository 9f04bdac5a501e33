import { useEffect, useRef } from "react";
import { Face } from "../ui/Face";
import { Select } from "../ui/Field";
import { Icon, type IconName } from "../ui/Icon";
import { Note } from "../ui/Note";
import { useWords } from "../words";
import type { DeviceKind, Devices, DeviceState } from "./devices";
import { Meter } from "./Meter";

interface Props {
  name: string;
  devices: Devices;
  state: DeviceState;
}

// Shows the person what others will see and hear.
export function Preview({ name, devices, state }: Props) {
  const words = useWords();
  return (
    <section className="preview" aria-label={words.devices.title}>
      <div className="preview-picture stage">
        <Camera track={state.camera.track} label={words.devices.preview} />
        {!state.camera.track && (
          <div className="preview-dark">
            <Face name={name || "?"} />
            <p>
              {state.camera.on && !state.camera.problem ? words.devices.starting : words.devices.cameraOff}
            </p>
          </div>
        )}
        <div className="preview-controls">
          <Toggle kind="microphone" devices={devices} state={state} />
          <Toggle kind="camera" devices={devices} state={state} />
        </div>
      </div>
      <div className="preview-pickers">
        <div className="stack stack-s">
          <Picker kind="microphone" devices={devices} state={state} />
          <Meter track={state.microphone.track} />
        </div>
        <Picker kind="camera" devices={devices} state={state} />
      </div>
      <Problems state={state} />
    </section>
  );
}

function Camera({ track, label }: { track: MediaStreamTrack | null; label: string }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = track && new MediaStream([track]);
  }, [track]);
  return (
    <video
      ref={video}
      className="mirrored"
      aria-label={label}
      tabIndex={-1} // Firefox would make it a tab stop
      hidden={!track}
      muted
      autoPlay
      playsInline
    />
  );
}

interface KindProps {
  kind: DeviceKind;
  devices: Devices;
  state: DeviceState;
}

const icons: Record<DeviceKind, [IconName, IconName]> = {
  camera: ["camera", "cameraOff"],
  microphone: ["mic", "micOff"],
};

function Toggle({ kind, devices, state }: KindProps) {
  const words = useWords();
  const { on, problem } = state[kind];
  const works = on && !problem;
  const label = works ? words.devices[kind].turnOff : words.devices[kind].turnOn;
  return (
    <button
      type="button"
      className={works ? "control" : "control control-off"}
      aria-label={label}
      title={label}
      onClick={() => devices.turn(kind, !works)}
    >
      <Icon name={icons[kind][works ? 0 : 1]} />
    </button>
  );
}

function Picker({ kind, devices, state }: KindProps) {
  const words = useWords();
  const found = state.found[kind];
  const { none, label } = words.devices[kind];
  return (
    <Select
      label={label}
      value={state[kind].id}
      disabled={!found.length}
      onChange={(event) => devices.choose(kind, event.target.value)}
    >
      {!found.length && <option value={state[kind].id}>{none}</option>}
      {found.map((device, index) => (
        <option key={device.deviceId} value={device.deviceId}>
          {device.label || `${label} ${index + 1}`}
        </option>
      ))}
    </Select>
  );
}

function Problems({ state }: { state: DeviceState }) {
  const words = useWords();
  const { camera, microphone } = state;
  const both = camera.problem && camera.problem === microphone.problem;
  const shown = both
    ? [["both", camera.problem] as const]
    : kinds.map((kind) => [kind, state[kind].problem] as const);
  return (
    <div role="status" className="stack stack-s">
      {shown.map(
        ([which, problem]) =>
          problem && (
            <Note kind="warn" key={which}>
              {words.devices.problems[problem](which)} {words.devices.without}
            </Note>
          ),
      )}
    </div>
  );
}

const kinds = ["microphone", "camera"] as const;
