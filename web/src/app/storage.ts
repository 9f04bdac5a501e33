type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/**
 * The browser's storage, or memory where the browser refuses it: with site data blocked, even reading
 * `localStorage` throws, and a full storage takes nothing more.
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
        // It was in memory.
      }
    },
  };
}

/** What this browser remembers. */
export const browser = kept(() => localStorage);

/** What this tab remembers. */
export const tab = kept(() => sessionStorage);
