// The log viewer's server: node examples-web/log-viewer/server.mjs --assets DIR [--port N]

import { CapnpError, encodePacked, init, serve, writable } from "capstan";
import { serveExample } from "../shared/server.mjs";
import { Entry, Logs } from "./log.capnp.js";
import { madeUp } from "./made-up.js";

/** More rows than this are refused. */
const ROWS_MAX = 10_000_000;
/** Written at once. */
const ROWS_AT_ONCE = 1000;

/** Pieces of a log, made when they are wanted. */
function* log(rows) {
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    const length = Math.min(ROWS_AT_ONCE, rows - first);
    yield Buffer.concat(Array.from({ length }, (_, index) => encodePacked(Entry, madeUp(first + index))));
  }
}

await init();
const logs = serve(Logs, {
  async send({ rows, into }) {
    if (rows > ROWS_MAX) throw new CapnpError("failed", `a log has at most ${ROWS_MAX} rows, not ${rows}`);
    if (into === undefined) throw new CapnpError("failed", "there is nothing to write into");
    await ReadableStream.from(log(rows)).pipeTo(writable(into));
  },
});
await serveExample({ path: "/log-viewer/rpc", bootstrap: logs });
