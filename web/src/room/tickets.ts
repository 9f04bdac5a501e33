import { tab } from "../app/storage";

// A tab stores its tickets, which are secrets, and the name with which it asks to enter. Another tab is another
// participant.
function within(prefix: string) {
  return {
    getItem: (key: string) => tab.getItem(prefix + key),
    setItem: (key: string, value: string) => tab.setItem(prefix + key, value),
    removeItem: (key: string) => tab.removeItem(prefix + key),
  };
}

export const tickets = within("foyer:ticket:");

/** The name with which the tab waits to enter a room, by the id of the room. */
export const asked = within("foyer:asked:");
