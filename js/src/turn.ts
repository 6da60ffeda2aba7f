/*
 * Whoever writes as long as there is room does so in one turn of the event loop: what the other side answers meanwhile is not
 * read before the window is full. So room is given for a short time in each turn, and then in the next, which begins with what has arrived.
 */

const LONGEST_MS = 0.4;
/** Of those who wait for the next turn, how many go on in it; each writes at least once. */
const AT_ONCE = 2;

/** Browsers have none: their sockets are another process's, and a turn costs them much of what a frame does. */
const { setImmediate: nextTurn } = globalThis as { setImmediate?: (then: () => void) => unknown };

/** When the first was given room in this turn. */
let began: number | undefined;
/** Whom the code that runs now was given room for already: it does not wait for it then. */
let runningFor: object | undefined;
const waiting: (() => void)[] = [];

/** Room for another call to `target`: at once, without a promise, or in the next turn when this one has been long. */
export function inShortTurns(target: object): Promise<void> | undefined {
  if (nextTurn === undefined) return undefined;
  const doesNotWait = runningFor === target;
  if (runningFor === undefined) queueMicrotask(() => (runningFor = undefined));
  runningFor = target;
  const now = performance.now();
  if (began === undefined) {
    began = now;
    nextTurn(onTurn);
  } else if (!doesNotWait && now - began > LONGEST_MS) {
    return new Promise((resolve) => waiting.push(resolve));
  }
  return undefined;
}

function onTurn(): void {
  began = undefined;
  for (const resolve of waiting.splice(0, AT_ONCE)) resolve();
  if (waiting.length === 0) return;
  began = performance.now();
  nextTurn?.(onTurn);
}
