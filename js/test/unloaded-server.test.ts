import { expect, test } from "vitest";
import { endpoint } from "../src/server/index.js";

test("a server whose WebAssembly cannot be loaded says so in its own log and does not blame the client", async () => {
  const errors: unknown[] = [];
  // Node does not fetch files, and the entry for Node, which reads them, is not imported here.
  const rpc = endpoint({ bootstrap: () => ({}), onError: (error) => void errors.push(error) });
  const headers = { Upgrade: "websocket", Host: "localhost" };
  const response = await rpc.upgrade(new Request("http://localhost/rpc", { headers }), { upgrade: () => false });
  expect(response?.status).toBe(500);
  expect(await response?.text()).toBe("The server failed; see its log.\n");
  expect(String(errors)).toMatch(/^CapnpError: Capstan's WebAssembly could not be loaded: .+; check that capstan_(web|messages)_bg\.wasm, .+ is served beside the script .+\(the plugins capstan\/vite, capstan\/esbuild and capstan\/rollup see to that, /);
});
