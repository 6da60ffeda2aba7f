import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, describe, test } from "vitest";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser } from "./support.js";

let browser: Browser;
let server: ExampleServer | undefined;

beforeAll(async () => {
  browser = await openBrowser();
});
afterEach(() => server?.stop());
afterAll(() => browser?.close());

describe.each(SERVERS)("the pipeline example, with its server in %s", (kind) => {
  test("by keyboard, shows that pipelined calls take one round trip", async () => {
    server = await ExampleServer.start("pipeline", kind);
    const errors: string[] = [];
    const page = await openPage(browser, server.url, errors);
    await tabTo(page, "#depth");
    await page.keyboard.press("Home");
    for (let more = 0; more < 4; more++) await page.keyboard.press("ArrowRight");
    expect(await page.locator("#depth-value").textContent()).toBe("5");
    await tabTo(page, "#trip");
    for (let less = 0; less < 3; less++) await page.keyboard.press("ArrowLeft");
    expect(await page.locator("#trip-value").textContent()).toBe("100 ms");
    await tabTo(page, "#start");
    await page.keyboard.press("Enter");

    const said = "Both got “The note at the bottom of /1/2/3/4/5” by 6 calls: 6 round trips with waiting, 1 round trip pipelined.";
    await expect.poll(() => page.locator("#status").textContent(), PATIENTLY).toBe(said);
    for (const side of ["waiting", "pipelined"]) {
      const bars = page.locator(`#${side} li`);
      expect(await bars.count()).toBe(6);
      await expect.poll(() => bars.allTextContents(), PATIENTLY).toEqual(expect.arrayContaining([expect.stringMatching(/^read\d+ ms$/)]));
    }
    expect(await page.locator("#start").evaluate((button) => button === document.activeElement)).toBe(true);
    await inspect(page, "pipeline", kind);
    expect(errors).toEqual([]);
    await page.close();
  });

  test("says when there is no server", async () => {
    server = await ExampleServer.start("pipeline", kind);
    const page = await openPage(browser, server.url, []);
    await server.stop();
    await page.locator("#start").click();
    await expect.poll(() => page.locator("#status").textContent(), PATIENTLY).toMatch(/^There is no server at ws:/);
    expect(await page.locator("#start").isEnabled()).toBe(true);
    await page.close();
  });
});
