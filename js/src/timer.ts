/** The longest that platforms' timers take; they let longer ones end at once. */
export const LONGEST_MILLIS = 0x7fffffff;

/** Calls `then` after so many milliseconds; undefined and what is longer than 24 days, `Infinity` for instance, mean never. */
export function startTimer(millis: number | undefined, then: () => void): ReturnType<typeof setTimeout> | undefined {
  return millis === undefined || millis > LONGEST_MILLIS ? undefined : setTimeout(then, millis);
}
