import { useMediaDeviceSelect } from "@livekit/components-react";
import { useState } from "react";
import { type DeviceKind, remember } from "../room/devices";
import { Dialog } from "../ui/Dialog";
import { Select } from "../ui/Field";
import { useWords } from "../words";

export function DevicesDialog({ onClose }: { onClose(): void }) {
  const words = useWords();
  return (
    <Dialog title={words.devices.title} onClose={onClose}>
      <div className="stack stack-l">
        <Picker kind="audioinput" own="microphone" label={words.devices.microphone.label} />
        <Picker kind="videoinput" own="camera" label={words.devices.camera.label} />
        <Picker kind="audiooutput" label={words.devices.speaker} />
      </div>
    </Dialog>
  );
}

interface Props {
  kind: MediaDeviceKind;
  own?: DeviceKind;
  label: string;
}

function Picker({ kind, own, label }: Props) {
  const words = useWords();
  const [failed, setFailed] = useState(false);
  const { devices, activeDeviceId, setActiveMediaDevice } = useMediaDeviceSelect({ kind });
  async function choose(id: string) {
    setFailed(false);
    try {
      await setActiveMediaDevice(id);
      if (own) remember(own, { id });
    } catch {
      setFailed(true);
    }
  }
  const found = devices.filter(({ deviceId }) => deviceId);
  return (
    <Select
      label={label}
      fault={failed ? words.devices.failed : null}
      value={activeDeviceId}
      disabled={!found.length}
      onChange={(event) => choose(event.target.value)}
    >
      {!found.length && <option value={activeDeviceId}>{words.devices.nothing}</option>}
      {found.map((device, index) => (
        <option key={device.deviceId} value={device.deviceId}>
          {device.label || `${label} ${index + 1}`}
        </option>
      ))}
    </Select>
  );
}
