// Measures codecs against each other, in any engine.

/** How long one measurement should take; the clocks of browsers tell 0.1 ms at worst. */
const SAMPLE_MS = 5;
const WARM_UP_MS = 150;

/** What measured code computes ends up here, so that nobody can leave it out. */
let sink = 0;

/**
 * Runs each contestant's `run` in turn, round after round, so that whatever else the machine does hits all alike.
 * Returns microseconds per run by name: the median over the rounds.
 */
export function race(contestants, rounds) {
  const entries = contestants.map(({ name, run }) => ({ name, run, iterations: warmUp(run), times: [] }));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round) % entries.length];
      entry.times.push((sample(entry.run, entry.iterations) * 1000) / entry.iterations);
    }
  }
  if (Number.isNaN(sink)) throw new Error("a checksum is no number");
  return Object.fromEntries(entries.map(({ name, times }) => [name, median(times)]));
}

/** Until the engine has had time to optimize; returns how often to run for one measurement. */
function warmUp(run) {
  let iterations = 1;
  for (const end = performance.now() + WARM_UP_MS; ; ) {
    const ms = sample(run, iterations);
    if (performance.now() > end) return Math.max(1, Math.round((iterations * SAMPLE_MS) / Math.max(ms, 0.1)));
    if (ms < SAMPLE_MS / 2) iterations *= 2;
  }
}

function sample(run, iterations) {
  const start = performance.now();
  let sum = 0;
  for (let i = 0; i < iterations; i++) sum += run();
  const ms = performance.now() - start;
  sink += sum;
  return ms;
}

function median(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
