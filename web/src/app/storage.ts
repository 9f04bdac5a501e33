type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * The browser's storage, or memory where the browser refuses it. With site data blocked, even reading `localStorage`
 * throws; a full storage refuses writes.
 */
function kept(storage: () => Storage): Kept {
  const memory = new Map<string, string>();
  return {
    getItem(key) {
      if (memory.has(key)) return memory.get(key)!;
      try {
        return storage().getItem(key);
      } catch {
        return null;
      }
    },
    setItem(key, value) {
      try {
        storage().setItem(key, value);
        memory.delete(key);
      } catch {
        memory.set(key, value);
      }
    },
    removeItem(key) {
      memory.delete(key);
      try {
        storage().removeItem(key);
      } catch {
        // The value was in memory.
      }
    },
  };
}

/** Storage of this browser. */
export const browser = kept(() => localStorage);

/** Storage of this tab. */
export const tab = kept(() => sessionStorage);
