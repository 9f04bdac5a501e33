import { useEffect, useState, useSyncExternalStore } from "react";
import { browser } from "../app/storage";

export type DeviceKind = "camera" | "microphone";

/** Why a device does not work. */
export type Problem = "denied" | "missing" | "busy" | "unsupported";

export interface Device {
  /** Whether the person wants it on. */
  on: boolean;
  /** The id of the chosen device; empty for the browser's choice. */
  id: string;
  track: MediaStreamTrack | null;
  problem: Problem | null;
}

export interface DeviceState {
  camera: Device;
  microphone: Device;
  found: Record<DeviceKind, MediaDeviceInfo[]>;
}

type Wish = Record<DeviceKind, { on: boolean; id: string }>;

const REMEMBERED = "foyer:devices";

/** The last choice, from this meeting or an earlier one. */
export function wishes(): Wish {
  const known = remembered();
  return {
    camera: { on: true, id: "", ...known?.camera },
    microphone: { on: true, id: "", ...known?.microphone },
  };
}

function remembered() {
  try {
    return JSON.parse(browser.getItem(REMEMBERED) ?? "null") as Partial<Wish> | null;
  } catch {
    return null;
  }
}

/** Stores a choice that is made during the meeting. */
export function remember(kind: DeviceKind, change: Partial<Wish[DeviceKind]>) {
  const now = wishes();
  browser.setItem(REMEMBERED, JSON.stringify({ ...now, [kind]: { ...now[kind], ...change } }));
}

function problemOf(error: unknown): Problem {
  const { name } = error as DOMException;
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  return "busy";
}

const wanted = (id: string) => (id ? { deviceId: { ideal: id } } : true);

/** Camera and microphone before the meeting: the choice, and the tracks for the preview. */
export class Devices {
  #listeners = new Set<() => void>();
  #stopped = false;
  state: DeviceState;

  constructor() {
    const { camera, microphone } = wishes();
    const nothing = { track: null, problem: null };
    this.state = {
      camera: { ...camera, ...nothing },
      microphone: { ...microphone, ...nothing },
      found: { camera: [], microphone: [] },
    };
  }

  listen = (notify: () => void) => {
    this.#listeners.add(notify);
    return () => void this.#listeners.delete(notify);
  };

  /** Requests both together, so that the browser asks the person once; then each alone. */
  async start() {
    this.#stopped = false;
    navigator.mediaDevices?.addEventListener("devicechange", this.#list);
    const { camera, microphone } = this.state;
    if (camera.on && microphone.on && navigator.mediaDevices) {
      try {
        this.#take(
          await navigator.mediaDevices.getUserMedia({
            video: wanted(camera.id),
            audio: wanted(microphone.id),
          }),
        );
      } catch {
        // One device may work alone.
      }
    }
    await this.#open("camera");
    await this.#open("microphone");
    await this.#list();
  }

  stop() {
    this.#stopped = true;
    navigator.mediaDevices?.removeEventListener("devicechange", this.#list);
    this.state.camera.track?.stop();
    this.state.microphone.track?.stop();
  }

  async turn(kind: DeviceKind, on: boolean) {
    if (!on) this.state[kind].track?.stop();
    this.#set(kind, { on, problem: null, track: on ? this.state[kind].track : null });
    await this.#open(kind);
    await this.#list();
  }

  async choose(kind: DeviceKind, id: string) {
    this.state[kind].track?.stop();
    this.#set(kind, { id, on: true, track: null, problem: null });
    await this.#open(kind);
  }

  async #open(kind: DeviceKind) {
    const { on, id, track } = this.state[kind];
    if (!on || track || this.#stopped) return;
    if (!navigator.mediaDevices) return this.#set(kind, { problem: "unsupported" });
    try {
      const constraints = kind === "camera" ? { video: wanted(id) } : { audio: wanted(id) };
      this.#take(await navigator.mediaDevices.getUserMedia(constraints));
    } catch (error) {
      this.#set(kind, { problem: problemOf(error) });
    }
  }

  #take(stream: MediaStream) {
    for (const track of stream.getTracks()) {
      const kind = track.kind === "video" ? "camera" : "microphone";
      if (this.#stopped || !this.state[kind].on) {
        track.stop();
        continue;
      }
      this.state[kind].track?.stop();
      track.onended = () =>
        this.state[kind].track === track && this.#set(kind, { track: null, problem: "missing" });
      this.#set(kind, {
        track,
        problem: null,
        id: this.state[kind].id || (track.getSettings().deviceId ?? ""),
      });
    }
  }

  #list = async () => {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: string) => all.filter((device) => device.kind === kind && device.deviceId);
    this.#change({ found: { camera: of("videoinput"), microphone: of("audioinput") } });
  };

  #set(kind: DeviceKind, change: Partial<Device>) {
    this.#change({ [kind]: { ...this.state[kind], ...change } });
    const { on, id } = this.state[kind];
    remember(kind, { on, id });
  }

  #change(change: Partial<DeviceState>) {
    this.state = { ...this.state, ...change };
    this.#listeners.forEach((notify) => notify());
  }
}

/** Devices that are open while the component is mounted. */
export function useDevices() {
  const [devices] = useState(() => new Devices());
  useEffect(() => {
    void devices.start();
    return () => devices.stop();
  }, [devices]);
  const state = useSyncExternalStore(devices.listen, () => devices.state);
  return { devices, state };
}
