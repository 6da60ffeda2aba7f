// The page of memory.mjs.
import { connect, init, writable } from "capstan";
import { Files } from "../../../examples-web/upload/files.capnp.js";

const CHUNK_BYTES = 64 * 1024;
const SETTLING_MS = 2000;

/** When the pipe began and ended, by the computer's clock. */
export async function run({ source, target, url, bytes, pace }) {
  await init("/capstan.wasm");
  const connection = await connect(url);
  const file = source === "file" ? await (await fetch("/file.bin")).blob() : undefined;
  const open = (length) => (file === undefined ? repeated(length) : file.slice(0, length).stream());
  const sinkFor = (length) => (target === "plain" ? slow(pace) : writable(connection.bootstrap(Files).create({ name: "file", size: length }).sink));
  await open(bytes / 8).pipeTo(sinkFor(bytes / 8));
  await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
  const began = Date.now();
  await open(bytes).pipeTo(sinkFor(bytes));
  return { began, ended: Date.now() };
}

/** The same chunk again and again, so that nothing is left for the garbage collector. */
function repeated(bytes) {
  const chunk = crypto.getRandomValues(new Uint8Array(CHUNK_BYTES));
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(chunk);
      left -= chunk.length;
      if (left === 0) controller.close();
    },
  });
}

/** Takes so many bytes in a second, and does nothing with them. */
function slow(pace) {
  let due = performance.now();
  return new WritableStream({
    async write(chunk) {
      due = Math.max(due, performance.now() - 50) + (chunk.length / pace) * 1000;
      const wait = due - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    },
  });
}
