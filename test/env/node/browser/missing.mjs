// Functions for `before` of `person`, which run in the page and take browser features away.

// APIs newer than the oldest browsers in README.md: Chrome 109, Firefox 115, Safari 16.4.
export function newer() {
  const gone = [
    [HTMLElement.prototype, 'showPopover', 'hidePopover', 'togglePopover', 'popover'],
    [URL, 'canParse', 'parse'],
    [Array.prototype, 'toSorted', 'toSpliced', 'toReversed', 'with'],
    [Object.getPrototypeOf(Uint8Array.prototype), 'toSorted', 'toReversed', 'with'],
    [Uint8Array.prototype, 'toBase64', 'toHex', 'setFromBase64'],
    [Uint8Array, 'fromBase64', 'fromHex'],
    [Array, 'fromAsync'],
    [Object, 'groupBy'],
    [Map, 'groupBy'],
    [Set.prototype, 'union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf'],
    [Promise, 'withResolvers', 'try'],
    [AbortSignal, 'any'],
    [String.prototype, 'isWellFormed', 'toWellFormed'],
    [RegExp, 'escape'],
    [ReadableStream, 'from'],
    [ArrayBuffer.prototype, 'transfer', 'resize'],
    [Document.prototype, 'startViewTransition'],
    [Element.prototype, 'checkVisibility', 'moveBefore', 'setHTMLUnsafe'],
    [HTMLDialogElement.prototype, 'requestClose'],
    [Object.getPrototypeOf(Object.getPrototypeOf([].values())), 'map', 'filter', 'take', 'drop', 'flatMap',
      'reduce', 'toArray', 'forEach', 'some', 'every', 'find'],
    [Navigator.prototype, 'wakeLock', 'userActivation', 'share'],
    [Intl, 'DurationFormat', 'Segmenter'],
    [window, 'Iterator', 'scheduler', 'requestIdleCallback', 'navigation', 'reportError'],
  ];
  for (const [owner, ...names] of gone) names.forEach((name) => delete owner[name]);
}

// Blocks site data, the clipboard and sound, on an insecure origin.
export function blocked() {
  const refuse = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
    Object.defineProperty(window, name, { get: refuse });
  }
  delete window.AudioContext;
  delete Navigator.prototype.clipboard;
  delete Crypto.prototype.randomUUID;
  delete window.Notification;
  delete window.BroadcastChannel;
}

export const both = `(${newer})(); (${blocked})();`;

// Breaks one part of the meeting, and toasts.
export function breaks() {
  window.ResizeObserver = class {
    constructor() {
      throw new Error('no sizes here');
    }
  };
  HTMLElement.prototype.showPopover = () => {
    throw new Error('no popovers here');
  };
}

export function noWebRTC() {
  delete window.RTCPeerConnection;
}

// As behind a firewall that blocks media: LiveKit answers, but no media connects.
export function noMedia() {
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
    }

    setConfiguration(configuration) {
      super.setConfiguration({ ...configuration, iceTransportPolicy: 'relay' });
    }
  };
}

export function noDialogs() {
  delete HTMLDialogElement.prototype.showModal;
}
