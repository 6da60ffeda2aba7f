/** Streams of items of any one type, and connections of their own for them: `capstan/sinks`. */
export { Sink, Source } from "../capstan/sinks.capnp.js";
export { DedicatedConnections, type DedicatedLimits } from "./dedicated-server.js";
export { type Item, openSink, openSource, readFrom, type SinkEnds, sinkInto, type SinkOptions, type SourceEnds, sourceOf, writeTo } from "./streams.js";
