// What the made-up logs say. The server in Rust has the same.

/** 2026-01-01, in milliseconds since 1970. */
const START = 1_767_225_600_000;
const SOURCES = ["store", "web", "billing", "mail"];

/** The entry of that row, from 0. */
export function madeUp(row) {
  return {
    time: START + row * 37,
    level: levelOf(row % 100),
    source: SOURCES[row % SOURCES.length],
    text: `request ${row} took ${row % 977} ms`,
  };
}

function levelOf(percentile) {
  if (percentile === 0) return "error";
  if (percentile <= 5) return "warning";
  return percentile <= 60 ? "info" : "debug";
}
