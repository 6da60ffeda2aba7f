// The pipeline example's server: node examples-web/pipeline/server.mjs --assets DIR [--port N]

import { CapnpError, give, init, serve } from "capstan";
import { serveExample } from "../shared/server.mjs";
import { Folder } from "./cabinet.capnp.js";

/** Longer paths are refused. */
const PATH_LENGTH_MAX = 4096;

/** Whatever folder is asked for is there, and has others and a note in it. */
function folder(path) {
  return serve(Folder, {
    open({ name }) {
      const inner = `${path}/${name}`;
      if (inner.length > PATH_LENGTH_MAX) throw new CapnpError("failed", `the path is longer than ${PATH_LENGTH_MAX} characters`);
      return { folder: give(folder(inner)) };
    },
    read: () => ({ text: `The note at the bottom of ${path}` }),
  });
}

await init();
await serveExample({ path: "/pipeline/rpc", bootstrap: folder("") });
