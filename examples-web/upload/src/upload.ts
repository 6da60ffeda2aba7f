import { CapnpError, connect, observe, type Sample, type StreamStats, writable } from "capstan";
import { Files } from "./files.capnp.js";

/** How far an upload is, seen from the sending side, and what flow control does about it. */
export interface Progress extends Sample<StreamStats> {
  /** Bytes given to the sink. Taken from what the stream has sent, whose calls are a little longer than their data. */
  readonly sentBytes: number;
  /** Since the first write. */
  readonly elapsedMs: number;
}

export interface Uploaded {
  readonly bytes: number;
  /** From the first write until the server answered `end()`. */
  readonly seconds: number;
}

export interface UploadOptions {
  /** Called about ten times a second, at the start and at the end. */
  onProgress?(progress: Progress): void;
  /** Gives up: the server is left with a part of the file. */
  signal?: AbortSignal;
  /** Pieces of this many bytes in place of those that the browser reads the file in. */
  chunkBytes?: number | undefined;
}

/** What there is to see of a stream that has not begun. */
const NOTHING: StreamStats = { window: 0, inFlight: 0, delivered: 0, largest: 0, btlBw: 0, rtProp: undefined, mode: undefined };

/** Sends a file to the server that the page came from. */
export async function upload(file: File, options: UploadOptions = {}): Promise<Uploaded> {
  const address = new URL("/rpc", location.href.replace(/^http/, "ws"));
  await using connection = await connect(address.href);
  const files = connection.bootstrap(Files);
  const { sink } = files.create({ name: file.name, size: file.size });

  const started = performance.now();
  let last: StreamStats = NOTHING;
  const show = (sample: Sample<StreamStats>, sentBytes: number): void => {
    last = sample;
    options.onProgress?.({ ...sample, sentBytes, elapsedMs: sample.at - started });
  };
  const watch = async (): Promise<void> => {
    // The calls are a little longer than their data.
    for await (const sample of observe(sink)) show(sample, Math.min(file.size, sample.delivered + sample.inFlight));
  };
  const giveUp = () => void connection.close();
  options.signal?.addEventListener("abort", giveUp);
  try {
    show({ ...NOTHING, at: started }, 0);
    void watch();
    if (options.chunkBytes === undefined) {
      await file.stream().pipeTo(writable(sink));
    } else {
      await file.stream().pipeThrough(pieces(options.chunkBytes)).pipeTo(writable(sink));
    }
    const ended = performance.now();
    show({ ...last, inFlight: 0, at: ended }, file.size);
    return { bytes: file.size, seconds: (ended - started) / 1000 };
  } catch (error) {
    options.signal?.throwIfAborted();
    // pipeTo passes on the error of the side that failed, as that side made it.
    if (error instanceof CapnpError) throw new Error(`Sending “${file.name}” failed: ${error.message}`, { cause: error });
    // All that Chromium says of a file that is gone is "network error".
    const text = `“${file.name}” could not be read: it may have been moved, changed or deleted since it was chosen`;
    throw new Error(text, { cause: error });
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
  }
}

/** Cuts and joins a stream of bytes into pieces of one size; the last may be shorter. */
function pieces(pieceBytes: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(pieceBytes);
  let filled = 0;
  return new TransformStream({
    transform(chunk, controller) {
      for (let start = 0; start < chunk.length; ) {
        const part = chunk.subarray(start, start + pieceBytes - filled);
        piece.set(part, filled);
        filled += part.length;
        start += part.length;
        if (filled === pieceBytes) {
          controller.enqueue(piece);
          piece = new Uint8Array(pieceBytes);
          filled = 0;
        }
      }
    },
    flush(controller) {
      if (filled > 0) controller.enqueue(piece.subarray(0, filled));
    },
  });
}
