// Makes generated/capnp-es/conformance.js: `node js/test/capnp-es.mjs` in a directory where `npm install capnp-es@0.0.16
// typescript@5` was run (its compiler needs that TypeScript's API), with Debian's `capnp` installed.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { compileAll } = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve("capnp-es/compiler")).href);
const cwd = new URL("schemas/", import.meta.url).pathname;
const request = execFileSync("capnp", ["compile", "-o-", "conformance.capnp"], { cwd, env: { ...process.env, PWD: cwd } });
const { files } = await compileAll(request, { js: true, ts: false, dts: false });
for (const text of files.values()) writeFileSync(new URL("generated/capnp-es/conformance.js", import.meta.url), text);
