import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePacked, init } from "capstan";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Entry } from "../../examples-web/log-viewer/log.capnp.js";
import { madeUp } from "../../examples-web/log-viewer/made-up.js";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser } from "./support.js";

let browser: Browser;
let directory: string;
let server: ExampleServer | undefined;

beforeAll(async () => {
  await init();
  browser = await openBrowser();
  directory = await mkdtemp(join(tmpdir(), "capstan-logs-"));
});
afterEach(() => server?.stop());
afterAll(async () => {
  await browser?.close();
  await rm(directory, { recursive: true, force: true });
});

const LONG = { timeout: 100_000 };
const status = (page: Page): Promise<string | null> => page.locator("#status").textContent();
const details = (page: Page): Promise<string | null> => page.locator("#details").textContent();

async function logFile(name: string, rows: number): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, Buffer.concat(Array.from({ length: rows }, (_, row) => encodePacked(Entry, madeUp(row)))));
  return path;
}

/** The texts of the rows on the screen, once all are there. */
async function texts(page: Page): Promise<string[]> {
  await expect.poll(() => page.locator(".window .text").allTextContents(), PATIENTLY).not.toContain("…");
  return page.locator(".window .text").allTextContents();
}

/** As by the pointer, without a keyboard. */
async function drop(page: Page, path: string): Promise<void> {
  const holder = await page.evaluateHandle(() => {
    const input = document.createElement("input");
    input.type = "file";
    return document.body.appendChild(input);
  });
  await holder.setInputFiles(path);
  await holder.evaluate((input) => {
    const dataTransfer = new DataTransfer();
    for (const file of input.files ?? []) dataTransfer.items.add(file);
    document.querySelector("#drop")?.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
    input.remove();
  });
}

describe("the log viewer", () => {
  test("by keyboard, makes a million rows, goes through them, and searches them", async () => {
    server = await ExampleServer.start("log-viewer", "js");
    const errors: string[] = [];
    const page = await openPage(browser, server.url, errors);
    await tabTo(page, "#make");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), LONG).toMatch(/^Opened .* with 1,000,000 rows\.$/);
    expect(await page.locator("#rows").getAttribute("aria-rowcount")).toBe("1000000");
    await expect.poll(() => details(page), PATIENTLY).toMatch(/^Row 1, 2026-01-01 00:00:00.000, error, store: request 0 took/);
    // The rows have the focus.
    await page.keyboard.press("End");
    await expect.poll(() => details(page), PATIENTLY).toContain("Row 1,000,000,");
    expect((await texts(page)).at(-1)).toBe(madeUp(999_999).text);
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => details(page), PATIENTLY).toContain(`: ${madeUp(999_998).text}`);
    const active = await page.locator("#rows").getAttribute("aria-activedescendant");
    expect(await page.locator(`#${active} .text`).textContent()).toBe(madeUp(999_998).text);

    // By the pointer, to the middle.
    await page.locator("#rows").evaluate((rows) => (rows.scrollTop = rows.scrollHeight / 2));
    await expect.poll(() => page.locator(".window .number").first().textContent(), PATIENTLY).toMatch(/^(499|500),\d{3}$/);
    const shown = await texts(page);
    expect(shown.length).toBeLessThan(60);
    expect(shown[0]).toMatch(/^request (499|500)\d{3} took/);

    await tabTo(page, "#query");
    await page.keyboard.type("Request 99999");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), LONG).toBe("11 rows found.");
    const rows = [99_999, ...Array.from({ length: 10 }, (_, digit) => 999_990 + digit)];
    await expect.poll(() => texts(page), PATIENTLY).toEqual(rows.map((row) => madeUp(row).text));
    expect(errors).toEqual([]);
    await page.close();
  });

  test("opens files that are picked or dropped, and says what is wrong with others", async () => {
    server = await ExampleServer.start("log-viewer", "js");
    const page = await openPage(browser, server.url, []);
    await page.locator("#picker").setInputFiles(await logFile("few.log", 300));
    await expect.poll(() => page.locator("#log-title").textContent(), PATIENTLY).toBe("few.log: 300 rows");
    expect((await texts(page))[0]).toBe(madeUp(0).text);
    await drop(page, await logFile("one.log", 1));
    await expect.poll(() => page.locator("#log-title").textContent(), PATIENTLY).toBe("one.log: 1 row");
    await expect.poll(() => texts(page), PATIENTLY).toEqual([madeUp(0).text]);

    await writeFile(join(directory, "notes.txt"), "These are notes, and no log at all.\n".repeat(100));
    await drop(page, join(directory, "notes.txt"));
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^This is no log of packed messages: its first message would have/);
    expect(await page.locator("#log").isVisible()).toBe(false);
    await inspect(page, "log-viewer-no-log");
    await writeFile(join(directory, "cut.log"), encodePacked(Entry, madeUp(0)).subarray(0, 20));
    await drop(page, join(directory, "cut.log"));
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^The log ends inside row 1: the file is damaged/);
    await page.close();
  });

  test.each(SERVERS)("shows a log from a server in %s, and filters it", async (kind) => {
    server = await ExampleServer.start("log-viewer", kind);
    const errors: string[] = [];
    const page = await openPage(browser, server.url, errors);
    await page.locator("#ask").click();
    await expect.poll(() => status(page), LONG).toMatch(/^Opened .* with 100,000 rows\.$/);
    expect((await texts(page)).slice(0, 3)).toEqual([0, 1, 2].map((row) => madeUp(row).text));
    await page.locator("#level").selectOption("warnings and errors");
    await page.locator("#query").fill("WEB");
    await page.keyboard.press("Enter");
    const wanted = Array.from({ length: 100_000 }, (_, row) => row).filter((row) => row % 4 === 1 && row % 100 <= 5);
    await expect.poll(() => status(page), LONG).toBe(`${wanted.length.toLocaleString("en")} rows found.`);
    expect((await texts(page)).slice(0, 5)).toEqual(wanted.slice(0, 5).map((row) => madeUp(row).text));
    await inspect(page, "log-viewer", kind);
    await page.locator("#query").fill("no such thing");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), LONG).toBe("No row has that.");
    expect(await details(page)).toBe("");
    expect(errors).toEqual([]);
    await page.close();
  });
});
