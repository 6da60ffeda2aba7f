/** The entry point in Node, whose WebSockets come from the `ws` package: they say why a connection failed. */
import "./messages-node.js";
import { readFile } from "node:fs/promises";
import WebSocket from "ws";
import { beside } from "./beside.js";
import { lend } from "./lending.js";
import { masking } from "./masking.js";
import { setPlatform } from "./platform.js";
import { setSources } from "./sources.js";

setSources({
  runtime: () => beside(readFile(new URL("../wasm/capstan_web_bg.wasm", import.meta.url)), "../wasm/capstan_web_bg.wasm"),
});
setPlatform({
  openSocket: (url, { maxMessageBytes }) => new WebSocket(url, { maxPayload: maxMessageBytes, perMessageDeflate: false, ...masking(url) }),
  lend,
  bestPieceBytes: 64 * 1024,
  resolve: (url) => new URL(url),
});

export * from "./index.js";
