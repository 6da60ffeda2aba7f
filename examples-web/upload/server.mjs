// The upload example's server, in Node: node examples-web/upload/server.mjs --assets DIR [--port N]
//
// It has what the page needs for sending files. The automatic run and the bench belong to the server in Rust.

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { CapabilityServerSet, CapnpError, fromWritable, give, init, serve, writable } from "capstan";
import { serveExample } from "../shared/server.mjs";
import { ByteSink, Files } from "./files.capnp.js";

/** Longer names are refused. */
const NAME_MAX = 1024;
/** So much of what was sent last can be read back. */
const KEEP_BYTES = 32 << 20;
/** So many of the latest uploads can be asked for. */
const REMEMBERED = 50;
/** Sleeps are about this long at most, so that a new pace is felt soon. */
const STEP_MS = 50;

/** As the page gets them, oldest first. */
const uploads = [];
/** Complete files that can be read back, oldest first. */
const files = [];
/** Of each upload; as fast as it can without one. */
let bytesPerSecond = null;

/** One upload: what its stream writes into. Without its end, it was a partial one. */
class Upload {
  #about;
  #hash = createHash("sha256");
  #file;
  #chunks = [];
  #due = 0;

  constructor(id, file) {
    this.#file = file;
    this.#about = { id, name: file.name, size: file.size, received: 0, state: "receiving", sha256: null, reason: null };
    uploads.push(this.#about);
    if (uploads.length > REMEMBERED) uploads.shift();
  }

  async write(chunk) {
    const about = this.#about;
    if (about.received + chunk.length > about.size) this.#fail(`more bytes than the ${about.size} that create() announced`);
    await this.#pause(chunk.length);
    this.#hash.update(chunk);
    if (about.size <= KEEP_BYTES) this.#chunks.push(chunk);
    about.received += chunk.length;
  }

  close() {
    const about = this.#about;
    if (about.received < about.size) this.#fail(`end() came after ${about.received} of the ${about.size} bytes that create() announced`);
    about.state = "done";
    about.sha256 = this.#hash.digest("hex");
    this.#file.chunks = this.#chunks;
    files.push(this.#file);
    while (files.reduce((sum, { size }) => sum + size, 0) > KEEP_BYTES) files.shift().chunks = undefined;
  }

  abort() {
    this.#about.state = "partial";
    this.#about.reason = "the sender went away before end()";
  }

  get result() {
    return { total: this.#about.received };
  }

  /** A stream that has failed is not aborted as well. */
  #fail(reason) {
    this.#about.state = "partial";
    this.#about.reason = reason;
    throw new CapnpError("failed", reason);
  }

  /** As long as taking so many bytes lasts. A pace above what sleeping can resolve is kept on the average. */
  async #pause(bytes) {
    for (let left = bytes; left > 0 && bytesPerSecond !== null; ) {
      // An upload that paused has not saved up speed for later.
      this.#due = Math.max(this.#due, performance.now() - STEP_MS);
      const step = Math.min(left, Math.max((bytesPerSecond * STEP_MS) / 1000, 1));
      this.#due += (1000 * step) / bytesPerSecond;
      await sleep(Math.max(0, this.#due - performance.now()));
      left -= step;
    }
  }
}

await init();
const handles = new CapabilityServerSet(Files.Handle);
let nextId = 1;
const service = serve(Files, {
  create({ name, size }) {
    if (name.length > NAME_MAX) throw new CapnpError("failed", `the file's name has ${name.length} characters; at most ${NAME_MAX} are taken`);
    const file = { name, size: Number(size), chunks: undefined };
    const upload = new Upload(nextId++, file);
    const sink = fromWritable(ByteSink, new WritableStream(upload), { result: () => upload.result });
    return { sink: give(sink), handle: give(handles.add(file)) };
  },
  list: () => ({ entries: files.map(({ name, size }) => ({ name, size })) }),
  async read({ handle, into }) {
    const file = handle && (await handles.getLocalServer(handle));
    if (file === undefined) throw new CapnpError("failed", "the handle given to read() is none that this server's create() returned");
    if (file.chunks === undefined) throw new CapnpError("failed", `${JSON.stringify(file.name)} is not complete, or not kept`);
    if (into === undefined) throw new CapnpError("failed", "there is nothing to write into");
    await ReadableStream.from(file.chunks).pipeTo(writable(into));
  },
});

/** Whether a request comes from a page of ours: browsers let every page send some to every address, and say in the header Origin whose it is. */
function isOwn({ headers: { origin, host } }) {
  return origin === undefined || origin === `http://${host}`;
}

/** What the page asks for besides files. */
function answer({ pathname, searchParams }, request, response) {
  const json = (body) => response.setHeader("cache-control", "no-store").setHeader("content-type", "application/json").end(JSON.stringify(body));
  if (pathname === "/uploads") {
    json(uploads);
  } else if (pathname === "/pace") {
    // It changes what the server does: no page but its own may ask for that.
    if (request.method === "POST" && isOwn(request)) {
      const limit = Number(searchParams.get("bytes_per_second") ?? 0);
      bytesPerSecond = limit >= 1 ? limit : null;
    }
    json({ bytesPerSecond });
  } else {
    return false;
  }
  return true;
}

await serveExample({ path: "/rpc", bootstrap: service, answer });
