/** Dates, times, durations and sizes in a language, and in the reader's region where the browser names it. */
export function formats(language: string) {
  const tag = navigator.languages.find((own) => own.toLowerCase().split("-")[0] === language) ?? language;
  const day = new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" });
  const hour = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  const amount = (unit: string, digits: number) =>
    new Intl.NumberFormat(tag, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits });
  return {
    date: (time: string | number) => day.format(new Date(time)),
    time: (time: string | number) => hour.format(new Date(time)),
    /** Takes seconds. */
    duration(seconds: number) {
      const whole = Math.round(seconds);
      const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
      const two = (part: number) => String(part).padStart(2, "0");
      return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
    },
    /** Takes bytes. */
    size(bytes: number) {
      if (bytes >= 1e9) return amount("gigabyte", 1).format(bytes / 1e9);
      if (bytes >= 1e6) return amount("megabyte", 1).format(bytes / 1e6);
      return amount("kilobyte", 0).format(bytes / 1e3);
    },
  };
}
