// `npm run bench:flow`: small calls beside a stream over loopback; with `--links`, streams and calls through shaped lines.
await import(process.argv.includes("--links") ? "./links.mjs" : "./run.mjs");
