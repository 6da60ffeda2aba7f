/** HTTP over Cap'n Proto: `fetch` by way of a capability, and functions that answer requests served as one. */
export { HttpService } from "./capnp/compat/http-over-capnp.capnp.js";
export {
  httpClient,
  type HttpClientOptions,
  type HttpFetch,
  type OpenOptions,
  openTunnel,
  type OpenTunnelOptions,
  openWebSocket,
  type OpenWebSocketOptions,
} from "./http/client.js";
export { HttpRefusedError } from "./http/message.js";
export {
  type AcceptTunnelInit,
  type AcceptWebSocketInit,
  type HttpContext,
  type HttpHandler,
  serveHttp,
  type ServeHttpOptions,
  type TunnelHandler,
  type TunnelRequest,
} from "./http/server.js";
export type { HttpTunnel } from "./http/tunnel.js";
export type { HttpSocket, HttpSocketClose } from "./http/web-socket.js";
