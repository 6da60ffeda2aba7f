import { defineConfig } from "vite";

// In development the page comes from Vite and everything else from the Rust server, which is
// started with `cargo run --release -p upload-server -- --port 8080 --assets dist`.
const server = "http://127.0.0.1:8080";

export default defineConfig({
  build: { target: "es2022", sourcemap: true },
  server: {
    proxy: {
      "/rpc": { target: server, ws: true },
      "/bare": { target: server, ws: true },
      "/report": server,
      "/pace": server,
      "/uploads": server,
      "/demo-file": server,
    },
  },
});
