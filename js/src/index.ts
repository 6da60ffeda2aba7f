/** Cap'n Proto for the web. */
export { canonicalize, isCanonical } from "./canonical.js";
export { clone, give, release, streamStats } from "./client.js";
export { connect, type ConnectOptions } from "./connect.js";
export { accept, Connection, type ConnectionLimits, type ConnectionOptions, type FlowControl, setFlowControl } from "./connection.js";
export { type ClientTracking, trackClients, type UnreleasedClient } from "./debug.js";
export { CapnpError, type ErrorKind } from "./errors.js";
export { init, type InitSource } from "./init.js";
export { fromJSON, type Json, type JsonObject, toJSON } from "./json.js";
export { decode, type DecodeOptions, encode, encodePacked, type Limits } from "./message.js";
export { type ByteSource, EncodeStream, type EncodeStreamOptions, readStream, type ReadStreamOptions } from "./message-stream.js";
export { build } from "./messages/builders.js";
export { equals, totalSize, type TotalSize } from "./messages/measure.js";
export { adopt, disown, type Orphan } from "./messages/orphans.js";
export { MessageBuilder, MessageReader } from "./messages/untyped.js";
export type {
  ElementSize,
  PointerKind,
  UntypedList,
  UntypedListBuilder,
  UntypedPointer,
  UntypedPointerBuilder,
  UntypedStruct,
  UntypedStructBuilder,
} from "./messages/untyped-types.js";
export { read } from "./messages/views.js";
export type { AnyPointerBuilder, AnyPointerView, ListBuilder, ListView } from "./messages/types.js";
export { PackStream, UnpackStream } from "./packed/pack-stream.js";
export { pack, unpack, type UnpackOptions } from "./packed/packed.js";
export { AnyPointer, type AnyPointerInput } from "./seam/any.js";
export type { EnumDescriptor, InterfaceDescriptor, StructDescriptor } from "./seam/descriptor.js";
export {
  Bool,
  type BuilderOf,
  Capability,
  Data,
  type ElementType,
  Float32,
  Float64,
  type In,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  type ListType,
  type Out,
  type PointerDescriptor,
  type PointerType,
  type ScalarDescriptor,
  type Settable,
  Text,
  UInt16,
  UInt32,
  UInt64,
  UInt8,
  type ViewOf,
  Void,
} from "./seam/types.js";
export { connectPort, type PortLike } from "./port.js";
export { type Membrane, membrane, type PassingCall, type Revocable, revocable } from "./membrane.js";
export { observe, type ObserveOptions, type Sample } from "./observe.js";
export { isSame, promised, whenResolved } from "./promised.js";
export { type Reconnecting, reconnecting } from "./reconnecting.js";
export { serve, type ServeOptions } from "./serve.js";
export { CapabilityServerSet } from "./server-set.js";
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
export { type ChunkOf, type EndResultOf, type SinkStream, writable, type WritableOptions } from "./writable.js";
