import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Well within what a test may take; a browser may have to start first. */
const LONGEST_VISIT_MS = 60_000;

/** Opens, in a frame, one page after the other: a browser takes longer to start than a page. */
const TOUR = `<!doctype html><html lang="en"><title>tour</title><link rel="icon" href="data:,"><body><script type="module">
for (;;) {
  const path = await (await fetch("/next")).text();
  const frame = document.createElement("iframe");
  frame.src = path;
  document.body.replaceChildren(frame);
}
</script></body></html>`;

/**
 * A static server of one directory, for a browser that opens /tour: it is sent to one page after the other, and those
 * POST to /report what they saw.
 */
export class Site {
  readonly #server: Server;
  readonly #directory: string;
  #headers: Readonly<Record<string, string>> = {};
  #asked: string[] = [];
  #report: (report: string) => void = () => undefined;
  /** The browser's question where to go, or else where it is to go when it asks. */
  #asking: ServerResponse | undefined;
  #next: string | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(directory: string): Promise<Site> {
    const site = new Site(directory);
    site.#server.listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sends the browser to a page: what that reports, and the paths that it asked for. Fails when the page does not report. */
  async visit(path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ report: string; asked: string[] }> {
    this.#headers = headers;
    this.#asked = [];
    const reported = new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(this.#silence(path))), LONGEST_VISIT_MS);
      this.#report = (report) => {
        clearTimeout(timer);
        resolve(report);
      };
    });
    this.#next = path;
    this.#send();
    return { report: await reported, asked: this.#asked };
  }

  /** What was seen of a page that has not reported. */
  #silence(path: string): string {
    const missing = `no report of ${path} within ${LONGEST_VISIT_MS / 1000} s`;
    if (this.#next !== undefined) return `${missing}: the browser has not asked where to go, so it does not run or is stuck in the page before`;
    return `${missing}; the browser asked for ${this.#asked.join(", ") || "nothing"}`;
  }

  #send(): void {
    if (this.#asking === undefined || this.#next === undefined) return;
    this.#asking.end(this.#next);
    this.#asking = this.#next = undefined;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", this.url).pathname;
    if (path === "/next") {
      this.#asking = response;
      this.#send();
      return;
    }
    if (path === "/tour") {
      response.setHeader("Content-Type", "text/html");
      response.end(TOUR);
      return;
    }
    if (path === "/report") {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.end();
      this.#report(body);
      return;
    }
    this.#asked.push(path);
    for (const [name, value] of Object.entries(this.#headers)) response.setHeader(name, value);
    const content = await readFile(join(this.#directory, path.endsWith("/") ? `${path}index.html` : path)).catch(() => undefined);
    response.statusCode = content === undefined ? 404 : 200;
    response.setHeader("Content-Type", TYPES[path.endsWith("/") ? ".html" : extname(path)] ?? "application/octet-stream");
    response.end(content);
  }
}
