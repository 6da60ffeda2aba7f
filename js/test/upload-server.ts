import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

interface UploadEvent {
  readonly event: "upload_started" | "upload_done" | "upload_partial";
  readonly name: string;
  readonly size: number;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly reason?: string;
}

/** Well within what a test may take. */
const LONGEST_SILENCE_MS = 60_000;

/** The upload example's server, written in Rust, as a child process. */
export class UploadServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #events: UploadEvent[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** `assets` is the directory of the page that it serves. */
  static async start(assets: string, ...options: string[]): Promise<UploadServer> {
    const program =
      process.env["CAPSTAN_UPLOAD_SERVER"] ?? join(import.meta.dirname, "../../target/debug/upload-server");
    const child = spawn(program, ["--port", "0", "--assets", assets, ...options], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([
      once(lines, "line"),
      once(child, "error").then(([error]) =>
        Promise.reject(new Error(`${program} does not start; \`cargo build -p upload-server\` makes it`, { cause: error })),
      ),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the server ended with ${code} before it listened`))),
    ])) as [string];
    const url = /^listening (http:\/\/\S+?)\/?$/.exec(first)?.[1];
    if (url === undefined) throw new Error(`the server's first line is ${JSON.stringify(first)}`);
    const server = new UploadServer(child, url);
    lines.on("line", (line) => {
      const message = JSON.parse(line) as { server?: UploadEvent };
      if (message.server !== undefined) server.#events.push(message.server);
      for (const wake of server.#waiting.splice(0)) wake();
    });
    return server;
  }

  get rpcUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/rpc`;
  }

  /** Waits for what the server says about the end of the upload called `name`. */
  async outcome(name: string): Promise<UploadEvent> {
    for (;;) {
      const found = this.#events.find((event) => event.name === name && event.event !== "upload_started");
      if (found !== undefined) return found;
      await this.#next(`the end of ${name}`);
    }
  }

  /** Waits until every upload that was begun is over. */
  async allOver(): Promise<void> {
    for (;;) {
      const begun = this.#events.filter((event) => event.event === "upload_started");
      if (2 * begun.length === this.#events.length) return;
      await this.#next("the end of every upload");
    }
  }

  /** Waits until the server says something; not for ever. */
  #next(awaited: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const said = this.#events.map((event) => JSON.stringify(event)).join("\n");
        reject(new Error(`the server has said nothing for ${LONGEST_SILENCE_MS / 1000} s of ${awaited}; it said:\n${said}`));
      }, LONGEST_SILENCE_MS);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Asks the process to end, as a person would. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Ends the process at once, without a goodbye. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
  }
}
