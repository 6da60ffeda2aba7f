import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterEach } from "vitest";
import { accept, type Connection, type ConnectionOptions, init } from "../src/node.js";
import { type PairSocket, socketPair } from "./sockets.js";

export { TestServer, TestSink } from "./objects.js";

await init();

/** Two connected vats' ends in this process, `near` being the client's. */
export interface Pair {
  near: Connection;
  far: Connection;
  nearSocket: PairSocket;
  farSocket: PairSocket;
}

const open: Connection[] = [];

afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

export function connectPair(bootstrap: object, options: ConnectionOptions = {}, farOptions: ConnectionOptions = {}): Pair {
  const [nearSocket, farSocket] = socketPair();
  const far = accept(farSocket, { ...farOptions, bootstrap });
  const near = accept(nearSocket, options);
  open.push(near, far);
  return { near, far, nearSocket, farSocket };
}

/** What a bundler makes of a module next to this one. */
export async function bundled(source: string): Promise<string> {
  const entry = "\0entry";
  const result = await build({
    root: fileURLToPath(new URL(".", import.meta.url)),
    configFile: false,
    logLevel: "error",
    resolve: { alias: { "capstan/codegen/v1": fileURLToPath(new URL("../src/codegen/v1.ts", import.meta.url)) } },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id.endsWith("entry") ? entry : id.startsWith("./generated") ? fileURLToPath(new URL(id.replace(/js$/, "ts"), import.meta.url)) : null),
        load: (id) => (id === entry ? source : null),
      },
    ],
    build: { write: false, minify: false, lib: { entry: "entry", formats: ["es"] } },
  });
  const [output] = Array.isArray(result) ? result : [];
  const [chunk] = output?.output ?? [];
  if (chunk?.type !== "chunk") throw new Error("nothing was bundled");
  return chunk.code;
}
