import { tab } from "../app/storage";

// What a tab remembers: its tickets, which are secrets, and under which name it asks to enter. Another tab
// is another participant.
function within(prefix: string) {
  return {
    getItem: (key: string) => tab.getItem(prefix + key),
    setItem: (key: string, value: string) => tab.setItem(prefix + key, value),
    removeItem: (key: string) => tab.removeItem(prefix + key),
  };
}

export const tickets = within("foyer:ticket:");

/** Rooms that the tab is waiting for. */
export const asked = within("foyer:asked:");
