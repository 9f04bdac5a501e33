import { useEffect } from "react";

const EVERY = 10_000; // milliseconds

/** Fetches again and again while `on`, for data that changes without a subscription. */
export function usePoll(on: boolean, fetchAgain: () => void) {
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(fetchAgain, EVERY);
    return () => clearInterval(timer);
  });
}
