import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { made } from "./support.js";

/** A browser without anybody steering it: pages report by themselves. */
export interface BrowserKind {
  readonly name: string;
  open(url: string): Promise<OpenBrowser>;
}

export interface OpenBrowser {
  close(): Promise<void>;
}

export const chromium: BrowserKind = {
  name: "Chromium",
  open: (url) =>
    started((profile) => [
      made.chromium(),
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--no-proxy-server",
      `--user-data-dir=${profile}`,
      url,
    ]),
};

export const firefox: BrowserKind = {
  name: "Firefox",
  open: (url) => started((profile) => [made.firefox(), "--headless", "--no-remote", "--profile", profile, url]),
};

export const webkit: BrowserKind = {
  name: "WebKit",
  // It has no mode without a display.
  open: (url) => started((profile) => ["xvfb-run", "--auto-servernum", "env", `HOME=${profile}`, made.webkit(), url]),
};

/** A program with a profile of its own and a process group of its own: browsers are many processes. */
async function started(line: (profile: string) => string[]): Promise<OpenBrowser> {
  const profile = await mkdtemp(join(tmpdir(), "capstan-browser-"));
  const [program, ...args] = line(profile) as [string, ...string[]];
  const child: ChildProcess = spawn(program, args, { stdio: "ignore", detached: true });
  await once(child, "spawn");
  return {
    async close() {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        const ended = once(child, "exit");
        process.kill(-child.pid, "SIGTERM");
        await ended;
      }
      await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
}
