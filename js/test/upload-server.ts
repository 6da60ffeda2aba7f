import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface UploadEvent {
  readonly event: "upload_started" | "upload_done" | "upload_partial";
  readonly name: string;
  readonly size: number;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly reason?: string;
}

/** The upload example's server, written in Rust, as a child process. */
export class UploadServer {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #events: UploadEvent[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(...options: string[]): Promise<UploadServer> {
    const program =
      process.env["CAPSTAN_UPLOAD_SERVER"] ?? join(import.meta.dirname, "../../target/debug/upload-server");
    // It wants a page to serve; these tests only speak RPC to it.
    const assets = join(import.meta.dirname, "../../examples-web/upload");
    const child = spawn(program, ["--port", "0", "--assets", assets, ...options], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([
      once(lines, "line"),
      once(child, "error").then(([error]) =>
        Promise.reject(new Error(`${program} does not start; \`cargo build -p upload-server\` makes it`, { cause: error })),
      ),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the server ended with ${code} before it listened`))),
    ])) as [string];
    const address = /^listening http:\/\/(\S+?)\/?$/.exec(first)?.[1];
    if (address === undefined) throw new Error(`the server's first line is ${JSON.stringify(first)}`);
    const server = new UploadServer(child, `ws://${address}/rpc`);
    lines.on("line", (line) => {
      const message = JSON.parse(line) as { server?: UploadEvent };
      if (message.server !== undefined) server.#events.push(message.server);
      for (const wake of server.#waiting.splice(0)) wake();
    });
    return server;
  }

  /** Waits for what the server says about the end of an upload. */
  async outcome(name: string): Promise<UploadEvent> {
    for (;;) {
      const found = this.#events.find((event) => event.name === name && event.event !== "upload_started");
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Ends the process at once, without a goodbye. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
