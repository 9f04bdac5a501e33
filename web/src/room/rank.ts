import type { RoomRole } from "../generated/operations";

const ranks: Record<string, number> = { owner: 3, administrator: 2, member: 1 };

/** A person may moderate people of lower rank. Accepts GraphQL's spelling and that of LiveKit's attributes. */
export const rankOf = (role: string | null | undefined) => ranks[role?.toLowerCase() ?? ""] ?? 0;

export const isHost = (role: RoomRole | null | undefined) => rankOf(role) >= rankOf("ADMINISTRATOR");
