/// <reference lib="esnext.disposable" preserve="true" />

import type { PointerType } from "./seam/types.js";

/** The second argument of every method of a client. */
export interface CallOptions {
  /**
   * Aborting it rejects the promise with the signal's reason. An ordinary call is finished, so that the other side may stop
   * working on it; of a streamed call only the waiting ends, since a call missing from a stream would be a hole in the data.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the call is given up, as if aborted with a `TimeoutError`; `Infinity` means never. */
  readonly timeout?: number | undefined;
}

/** The second argument of a generic method of a client. */
export interface GenericCallOptions<Types extends readonly PointerType[]> extends CallOptions {
  /** What the method's type parameters stand for, such as `[Text]`; AnyPointers otherwise. */
  readonly types?: Types | undefined;
}

/** A promise of a call's results that carries clients for the capabilities in them, usable at once. */
export type CallPromise<Results, Pipeline = unknown> = Promise<Results> & Pipeline;

/** What every client has besides the methods of its interface: `using` releases it. */
export interface Client {
  /** `using`: releases the client. */
  [Symbol.dispose](): void;
}

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What a method of a served object gets besides its parameters. */
export interface CallContext<Results = object> {
  /** Aborted when the caller does not want the results any more. */
  readonly signal: AbortSignal;
  /**
   * Lets calls on clients in the results go on before the method returns: on those in these results, which the method has to
   * return too, in the same fields. Works once for each call.
   */
  setPipeline(results: Results): void;
}

/** What windows that adapt are made of. */
export interface PathStats {
  /** The highest rate of late, in bytes per second; 0 as long as none is known. */
  readonly btlBw: number;
  /** The shortest round trip of late, in milliseconds. */
  readonly rtProp: number | undefined;
  /** Finding out how much fits, keeping it so, or looking how long the way is without a queue; undefined when the window is fixed. */
  readonly mode: "growing" | "steady" | "draining" | undefined;
}

/** What a streamed call has in flight and how much it may. */
export interface StreamStats extends PathStats {
  /** Bytes that may be in flight, not counting the largest call. */
  readonly window: number;
  /** Bytes sent and not yet acknowledged, counted as framed calls. */
  readonly inFlight: number;
  /** Bytes acknowledged since the stream began. */
  readonly delivered: number;
  /** The largest call in flight, in bytes. */
  readonly largest: number;
}

/** What a connection has to do and to keep, at this moment. */
export interface ConnectionStats extends PathStats {
  /** Calls made that the other side has not answered. */
  readonly questions: number;
  /** Calls received and not yet done with. */
  readonly answers: number;
  /** Capabilities of the other side's that are held here. */
  readonly imports: number;
  /** Capabilities of this side's that are held there. */
  readonly exports: number;
  /** Streams with calls in flight. */
  readonly streams: number;
  /** Frames that wait to be handed to the socket, and their bytes. */
  readonly queuedFrames: number;
  /** Bytes of the frames that wait. */
  readonly queuedBytes: number;
  /** Bytes of streamed calls that are not yet acknowledged. */
  readonly inFlight: number;
  /** Bytes of streamed calls that were acknowledged since the connection began. */
  readonly delivered: number;
  /** Bytes that each stream may have in flight, not counting its largest call; when windows adapt, all streams together. */
  readonly window: number;
}

/**
 * What is used of a WebSocket, besides its events, to which it listens by `addEventListener` or, lacking that, the `on…`
 * properties. The platform's own fits, and so do those of `ws` and others.
 */
export interface WebSocketLike {
  /** How binary messages arrive; set to `arraybuffer`, in Node for sockets of `ws` to `nodebuffer`. */
  binaryType: string;
  /** 1 when it is open. */
  readonly readyState: number;
  /** Bytes that were given to `send` and have not left; of a socket that does not know, none are taken to wait. */
  readonly bufferedAmount?: number;
  /** Sends a binary message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** Closes it, with a code from 3000 up or 1000 in a page. */
  close(code?: number, reason?: string): void;
}
