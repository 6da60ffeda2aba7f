/** Cap'n Proto for the web. */
export * from "./messages.js";
// In place of the one there.
export { init, type InitSource, type InitSources, type WasmSource } from "./init.js";
export { clone, give, streamStats } from "./client.js";
export { connect, type ConnectOptions } from "./connect.js";
export { accept, Connection, type ConnectionLimits, type ConnectionOptions, type FlowControl, setFlowControl } from "./connection.js";
export { type ClientTracking, trackClients, type UnreleasedClient } from "./debug.js";
export { connectPort, type PortLike } from "./port.js";
export { type Membrane, membrane, type PassingCall, type Revocable, revocable } from "./membrane.js";
export { observe, type ObserveOptions, type Sample } from "./observe.js";
export { isSame, promised, whenResolved } from "./promised.js";
export { type Reconnecting, reconnecting, type ReconnectingOptions } from "./reconnecting.js";
export { serve, type ServeOptions } from "./serve.js";
export { CapabilityServerSet } from "./server-set.js";
export type { IterableStream } from "./iterable-stream.js";
export { fromWritable, readable, type Source, source, type SourceOptions } from "./source.js";
export type { StreamMethods } from "./stream-methods.js";
export { tailCall } from "./tail-call.js";
export { connectTransport, type Transport, type TransportEvents, type TransportOptions } from "./transport.js";
export type {
  Awaitable,
  CallContext,
  CallOptions,
  GenericCallOptions,
  CallPromise,
  Client,
  ConnectionStats,
  PathStats,
  StreamStats,
  WebSocketLike,
} from "./types.js";
export { type ChunkOf, type EndResultOf, type ReceivedOf, type SinkStream, writable, type WritableOptions } from "./writable.js";
