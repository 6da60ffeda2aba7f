import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../test-readme/newcomer.js";
import { EXPECTED } from "./exercise.mjs";
import { made, openBrowser, Project, UploadServer } from "./support.js";

const LAYOUT = `
export const metadata = { title: "test" };
export default ({ children }) => <html lang="en"><body>{children}</body></html>;
`;
const PAGE = (server: string) => `
import * as capstan from "capstan";
import { compile } from "capstan/compiler";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";
import Client from "./client.jsx";

export const dynamic = "force-dynamic";
export default async function Page() {
  const point = await compile({ "point.capnp": "@0xe1b2c3d4a5f60718; struct Point { x @0 :Int32; }" });
  return <main><p>{await exercise(capstan, schema, "${server}")}</p><p>{point.struct("Point").$.name}</p><Client /></main>;
}
`;
const CLIENT = (server: string) => `
"use client";
import * as capstan from "capstan";
import { useEffect, useState } from "react";
import { exercise } from "./exercise.mjs";
import * as schema from "./files.capnp.js";

export default function Client() {
  const [seen, show] = useState("waiting");
  useEffect(() => void exercise(capstan, schema, "${server}").then(show, (error) => show(error.stack)), []);
  return <p id="client">{seen}</p>;
}
`;

let project: Project;
let server: UploadServer;

beforeAll(async () => {
  server = await UploadServer.start(made.page());
  // Without "type": as its own template is.
  const manifest = JSON.stringify({ name: "project", private: true });
  project = await Project.create({ "package.json": manifest, "next.config.mjs": `export default { output: "standalone" };` }, ["next@16.4.6", "react@19.3.1", "react-dom@19.3.1"]);
  await mkdir(join(project.dir, "app"));
  await project.write({ "app/layout.jsx": LAYOUT, "app/page.jsx": PAGE(server.rpcUrl), "app/client.jsx": CLIENT(server.rpcUrl) });
  await project.take("js/test-package/exercise.mjs", "app/exercise.mjs");
  await project.take("examples-web/upload/files.capnp.js", "app/files.capnp.js");
});

afterAll(async () => {
  await server?.stop();
  await project?.remove();
});

test("Next.js without configuration: components stream on the server, which is deployed by itself, and in the page", async () => {
  await project.shell("node_modules/.bin/next build", { NEXT_TELEMETRY_DISABLED: "1" });
  const standalone = join(project.dir, ".next/standalone");
  await cp(join(project.dir, ".next/static"), join(standalone, ".next/static"), { recursive: true });
  // What a machine has that only gets the server.
  await rm(join(project.dir, "node_modules"), { recursive: true });

  const port = await freePort();
  const environment = { ...process.env, PORT: String(port), HOSTNAME: "127.0.0.1" };
  const next = spawn("node", ["server.js"], { cwd: standalone, stdio: ["ignore", "ignore", "inherit"], env: environment });
  const browser = await openBrowser();
  try {
    const url = `http://127.0.0.1:${port}/`;
    await expect.poll(() => fetch(url).then(({ status }) => status, () => 0), { timeout: 60_000 }).toBe(200);
    const html = await (await fetch(url)).text();
    expect(html).toContain(`<main><p>${EXPECTED}</p><p>point.capnp:Point</p><p id="client">waiting</p></main>`);
    const page = await browser.newPage();
    await page.goto(url);
    await expect.poll(() => page.locator("#client").textContent(), { timeout: 60_000 }).toBe(EXPECTED);
  } finally {
    await browser.close();
    next.kill();
    await once(next, "exit");
  }
});
