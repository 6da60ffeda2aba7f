import type { ByteStream } from "../capnp/compat/byte-stream.capnp.js";
import { ClientBase, clone } from "../client.js";
import type { IterableStream } from "../iterable-stream.js";
import { release } from "../release.js";
import { writable } from "../writable.js";
import type { Incoming } from "./byte-stream.js";

/** The two directions of a CONNECT. */
export interface HttpTunnel {
  /** Bytes from the other side. Ends when that has ended its direction, and fails when the tunnel is cut. */
  readonly readable: IterableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes to the other side. Closing it ends this direction alone. */
  readonly writable: WritableStream<Uint8Array>;
  /** What it was accepted with. */
  readonly status: number;
  /** Of the response. */
  readonly headers: Headers;
  /** Asks the far end to go on in TLS with the host of that name, before anything that is written after this call. */
  startTls(expectedServerHostname: string): Promise<void>;
}

export interface TunnelEnd {
  readonly tunnel: HttpTunnel;
  /** Resolves when the outgoing direction is over. */
  readonly sent: Promise<void>;
  /** Cuts the outgoing direction. */
  fail(error: unknown): void;
}

/** Makes an end of a tunnel that writes to `out`, which it takes over. */
export function tunnelEnd(arriving: Incoming, out: ByteStream, status: number, headers: Headers): TunnelEnd {
  // Of the same object, so that what it asks for keeps its place among the bytes.
  const tls = clone(out);
  const stream = writable(out, { write: "write" });
  const writer = stream.getWriter() as WritableStreamDefaultWriter<Uint8Array>;
  writer.closed.catch(() => {});
  const onOver = (): void => release(tls);
  const sent = stream.result.then(onOver, onOver);
  let controller!: WritableStreamDefaultController;
  const outgoing = new WritableStream<Uint8Array>({
    start: (its) => void (controller = its),
    async write(chunk) {
      await writer.ready;
      // A failure shows at the next one, or at the end.
      writer.write(chunk).catch(() => {});
    },
    close: () => writer.close(),
    abort: (reason) => writer.abort(reason),
  });
  const tunnel: HttpTunnel = {
    readable: arriving.stream,
    writable: outgoing,
    status,
    headers,
    startTls(expectedServerHostname) {
      if (ClientBase.isReleased(tls as unknown as ClientBase)) return Promise.reject(new TypeError("startTls(): this direction of the tunnel has ended"));
      return tls.startTls({ expectedServerHostname });
    },
  };
  return {
    tunnel,
    sent,
    fail(error) {
      controller.error(error);
      writer.abort(error).catch(() => {});
    },
  };
}
