// Swallows streams and answers small calls with capnweb, in a process of its own: prints its port, ends with its standard input.
import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import WebSocket, { WebSocketServer } from "ws";

class Server extends RpcTarget {
  open() {
    return new WritableStream({ write() {} });
  }

  ping() {
    return 1;
  }
}

// It looks for its constants there, where Node 20 has nothing.
globalThis.WebSocket ??= WebSocket;
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
  console.log(server.address().port);
});
server.on("connection", (socket) => void newWebSocketRpcSession(socket, new Server()));
process.stdin.on("end", () => process.exit()).resume();
