// The same object for capnweb, in a process of its own: prints its port, ends with its standard input.
import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import WebSocket, { WebSocketServer } from "ws";

class Calls extends RpcTarget {
  add({ left, right }) {
    return { sum: left + right };
  }
}

// It looks for its constants there, where Node 20 has nothing.
globalThis.WebSocket ??= WebSocket;
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
  console.log(JSON.stringify({ capnweb: server.address().port }));
});
server.on("connection", (socket) => void newWebSocketRpcSession(socket, new Calls()));
process.stdin.on("end", () => process.exit()).resume();
