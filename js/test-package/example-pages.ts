import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import { made, repository } from "./support.js";

/* What the tests of the pages in examples-web have in common. */

/** In what the examples' servers are written. */
export const SERVERS = ["rust", "js"] as const;
export type ServerKind = (typeof SERVERS)[number];

export const PATIENTLY = { timeout: 30_000 };

/** The server of an example as a child process. */
export class ExampleServer {
  /** The address of the example's page. */
  readonly url: string;
  readonly port: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
    this.port = new URL(url).port;
  }

  static async start(example: string, kind: ServerKind, port = "0"): Promise<ExampleServer> {
    // Upload has a page and a server in Rust of its own.
    const isUpload = example === "upload";
    const inRust = isUpload ? made.uploadServer() : made.examplesServer();
    const line = kind === "rust" ? [inRust] : ["node", join(repository, "examples-web", example, "server.mjs")];
    const [program, ...args] = line as [string, ...string[]];
    const assets = isUpload ? made.page() : made.examples();
    const child = spawn(program, [...args, "--port", port, "--assets", assets], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([
      once(lines, "line"),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the server of ${example} ended with ${code} before it listened`))),
    ])) as [string];
    const address = /^listening (http:\S+)$/.exec(first)?.[1];
    if (address === undefined) throw new Error(`the server's first line is ${JSON.stringify(first)}`);
    return new ExampleServer(child, isUpload ? `${address}/` : `${address}/${example}/`);
  }

  /** Ends it without a goodbye. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}

/** A page that fails the test by what it says to the console as an error. */
export async function openPage(browser: Browser, url: string, errors: string[]): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  return page;
}

/** Presses Tab until the element has the focus, as somebody without a mouse does. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    if (await page.locator(selector).evaluate((element) => element === document.activeElement)) {
      // It has to be seen, too. A hidden file input shows it on what surrounds it.
      const outline = (element: Element): boolean => [element, element.closest(".drop")].some((shown) => shown !== null && getComputedStyle(shown).outlineStyle !== "none");
      expect(await page.locator(selector).evaluate(outline), `the focus on ${selector} is to be seen`).toBe(true);
      return;
    }
  }
  throw new Error(`no number of tabs leads to ${selector}`);
}

/**
 * Takes pictures in light, in dark and on a narrow screen, which `npm test` leaves in target/screenshots, and has each checked: names,
 * roles, contrast, and nothing wider than the screen. Of the page with its server in JavaScript, which is the same page, one will do.
 */
export async function inspect(page: Page, name: string, kind: ServerKind = "rust"): Promise<void> {
  const directory = join(repository, "target/screenshots");
  await mkdir(directory, { recursive: true });
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  const looks = [
    { look: "light", colorScheme: "light", width: 1000 },
    { look: "dark", colorScheme: "dark", width: 1000 },
    { look: "narrow", colorScheme: "light", width: 360 },
  ] as const;
  for (const { look, colorScheme, width } of kind === "rust" ? looks : looks.slice(0, 1)) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 900 });
    await page.screenshot({ path: join(directory, `${name}-${kind}-${look}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name} in ${look} fits`).toBeLessThanOrEqual(width);
    if (look === "light") await page.addScriptTag({ path: axe });
    expect(await page.evaluate(violations), `${name} in ${look}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
  await page.setViewportSize({ width: 1000, height: 900 });
}

/** In the page: what axe-core finds, one line for each kind. */
async function violations(): Promise<string[]> {
  interface Found {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }
  const { axe } = globalThis as unknown as { axe: { run(context: object): Promise<{ violations: Found[] }> } };
  // A frame shows somebody else's page.
  const found = await axe.run({ exclude: ["iframe"] });
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
