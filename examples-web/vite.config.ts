import { defineConfig } from "vite";

const pages = ["pipeline", "chat", "http", "log-viewer"];

// In development the pages come from Vite and everything else from a server, which is started with
// `cargo run -p examples-server -- --port 8080 --assets dist`, or from one in Node.
export default defineConfig({
  root: import.meta.dirname,
  build: { target: "es2022", sourcemap: true, rolldownOptions: { input: pages.map((page) => `${import.meta.dirname}/${page}/index.html`) } },
  worker: { format: "es" },
  server: { proxy: Object.fromEntries(pages.map((page) => [`/${page}/rpc`, { target: "http://127.0.0.1:8080", ws: true }])) },
});
