// The HTTP example's server: node examples-web/http/server.mjs --assets DIR [--port N]

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { init } from "capstan";
import { serveHttp } from "capstan/http";
import { serveExample } from "../shared/server.mjs";

const BETWEEN_LINES_MS = 60;
const home = await readFile(new URL("site/home.html", import.meta.url));
const story = await readFile(new URL("site/story.txt", import.meta.url), "utf8");

/** How many responses are being written. */
let running = 0;

/** A text line by line. When the client does not want it any more, the stream is canceled. */
function slowly(lines) {
  const encoder = new TextEncoder();
  running++;
  const body = new ReadableStream(
    {
      async pull(controller) {
        await sleep(BETWEEN_LINES_MS);
        const { done, value } = lines.next();
        if (!done) {
          controller.enqueue(encoder.encode(`${value}\n`));
          return;
        }
        running--;
        controller.close();
      },
      cancel: () => void running--,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/plain; charset=utf-8" } });
}

function* endless() {
  for (let number = 1; ; number++) yield `line ${number}`;
}

/** A small site that nothing serves over real HTTP. */
const site = {
  "/": () => new Response(home, { headers: { "content-type": "text/html; charset=utf-8" } }),
  "/story": () => slowly(story.trimEnd().split("\n").values()),
  "/endless": () => slowly(endless()),
  "/running": () => new Response(`${running}\n`),
};

await init();
const service = serveHttp((request) => {
  const { pathname } = new URL(request.url);
  return Object.hasOwn(site, pathname) ? site[pathname]() : new Response("There is no such page here.\n", { status: 404 });
});
await serveExample({ path: "/http/rpc", bootstrap: service });
