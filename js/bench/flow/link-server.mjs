// Takes streams and small calls, with Capstan or capnweb, and remembers what arrived when. Prints its port, takes orders from its standard
// input, one on each line: `stop` and `go on` for the reader of the first stream, `report <since> <seconds>`. Ends with its input.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { accept, init, serve } from "capstan";
import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import WebSocket, { WebSocketServer } from "ws";

const [peer, schema] = process.argv.slice(2);
const streams = [];
let goesOn = Promise.resolve();
let goOn = () => {};

/** What takes the chunks of the next stream. */
function reader() {
  const arrivals = [];
  const isFirst = streams.push(arrivals) === 1;
  return async (chunk) => {
    if (isFirst) await goesOn;
    arrivals.push([now(), chunk.byteLength]);
  };
}

const serving = {
  async capstan() {
    await init();
    const { Sink, Streams } = await import(pathToFileURL(schema).href);
    const open = () => {
      const take = reader();
      return { sink: serve(Sink, { write: ({ chunk }) => take(chunk), end: () => ({}) }) };
    };
    const bootstrap = serve(Streams, { open, nothing() {} });
    return (socket) => void accept(socket, { bootstrap });
  },
  async capnweb() {
    // It looks for its constants there, where Node 20 has nothing.
    globalThis.WebSocket ??= WebSocket;
    class Server extends RpcTarget {
      open() {
        return new WritableStream({ write: reader() });
      }
      ping() {
        return 1;
      }
    }
    return (socket) => void newWebSocketRpcSession(socket, new Server());
  },
};

const take = await serving[peer]();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
  console.log(server.address().port);
});
server.on("connection", (socket) => take(socket));

const orders = createInterface(process.stdin);
orders.on("line", (line) => {
  const [order, since, seconds] = line.split(" ");
  if (order === "stop") goesOn = new Promise((resolve) => (goOn = resolve));
  else if (order === "go") goOn();
  else console.log(JSON.stringify(streams.map((arrivals) => bins(arrivals, Number(since), Number(seconds)))));
});
orders.on("close", () => process.exit());

/** Bytes in each hundredth of a second. */
function bins(arrivals, since, seconds) {
  const found = new Array(seconds * 100).fill(0);
  for (const [at, bytes] of arrivals) {
    const bin = Math.floor(Math.max(0, at - since) / 10);
    if (bin < found.length) found[bin] += bytes;
  }
  return found;
}

/** Milliseconds that other processes count too. */
function now() {
  return performance.timeOrigin + performance.now();
}
