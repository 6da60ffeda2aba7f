import { connect, init, serve } from "capstan";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Guest, type News, Room } from "../../examples-web/chat/chat.capnp.js";
import { ExampleServer, inspect, openPage, PATIENTLY, SERVERS, tabTo } from "./example-pages.js";
import { openBrowser } from "./support.js";

let browser: Browser;
let server: ExampleServer | undefined;

beforeAll(async () => {
  browser = await openBrowser();
});
afterEach(() => server?.stop());
afterAll(() => browser?.close());

const status = (page: Page): Promise<string | null> => page.locator("#status").textContent();
const heard = (page: Page): Promise<string[]> => page.locator("#news p").allTextContents();
const present = (page: Page): Promise<string | null> => page.locator("#present").textContent();

describe.each(SERVERS)("the chat example, with its server in %s", (kind) => {
  test("by keyboard, guests come, talk, and leave", async () => {
    server = await ExampleServer.start("chat", kind);
    const errors: string[] = [];
    const one = await openPage(browser, server.url, errors);
    await tabTo(one, "#name");
    await one.keyboard.type("Ada");
    await one.keyboard.press("Enter");
    await expect.poll(() => status(one), PATIENTLY).toBe("You are in the room, as Ada.");

    const two = await openPage(browser, server.url, errors);
    await two.locator("#name").fill("Ada");
    await two.locator("#join").click();
    await expect.poll(() => status(two), PATIENTLY).toBe("You are in the room, as Ada 2.");
    await expect.poll(() => present(one), PATIENTLY).toBe("Ada, Ada 2");
    expect(await present(two)).toBe("Ada, Ada 2");

    // The focus is where one types already.
    await one.keyboard.type("Is anybody here?");
    await one.keyboard.press("Enter");
    await expect.poll(() => heard(two), PATIENTLY).toEqual(["Ada: Is anybody here?"]);
    await two.keyboard.type("<b>Yes</b> ü");
    await two.keyboard.press("Enter");
    const both = ["Ada 2 came in", "Ada: Is anybody here?", "Ada 2: <b>Yes</b> ü"];
    await expect.poll(() => heard(one), PATIENTLY).toEqual(both);
    await inspect(one, "chat", kind);

    // Who comes later sees what was said.
    const three = await openPage(browser, server.url, errors);
    await inspect(three, "chat-entrance", kind);
    await three.locator("#name").fill("Grace");
    await three.locator("#join").click();
    await expect.poll(() => heard(three), PATIENTLY).toEqual(both.slice(1));
    // A page that is closed says no goodbye.
    await three.close();
    await expect.poll(() => heard(one), PATIENTLY).toEqual([...both, "Grace came in", "Grace left"]);
    await tabTo(two, "#leave");
    await two.keyboard.press("Enter");
    await expect.poll(() => status(two), PATIENTLY).toBe("You have left.");
    await expect.poll(() => present(one), PATIENTLY).toBe("Ada");
    expect(errors).toEqual([]);
    await Promise.all([one.close(), two.close()]);
  });

  test("comes back when the server does", async () => {
    server = await ExampleServer.start("chat", kind);
    const page = await openPage(browser, server.url, []);
    await page.locator("#name").fill("Ada");
    await page.locator("#join").click();
    await expect.poll(() => status(page), PATIENTLY).toBe("You are in the room, as Ada.");
    await server.stop();
    await expect.poll(() => status(page), PATIENTLY).toMatch(/^The connection was lost: .*Trying again in/);
    await page.locator("#text").fill("Hello?");
    await page.keyboard.press("Enter");
    await expect.poll(() => status(page), PATIENTLY).toMatch(/That was not said: there is no connection|Trying again/);

    server = await ExampleServer.start("chat", kind, server.port);
    await expect.poll(() => status(page), PATIENTLY).toBe("You are back, as Ada.");
    // What was not said is still there to be said.
    await page.keyboard.press("Enter");
    await expect.poll(() => heard(page), PATIENTLY).toEqual(["Ada: Hello?"]);
    await page.close();
  });

  test("says what is wrong with a name", async () => {
    server = await ExampleServer.start("chat", kind);
    const page = await openPage(browser, server.url, []);
    await page.locator("#name").fill(" ");
    await page.locator("#join").click();
    await expect.poll(() => status(page), PATIENTLY).toContain("A name cannot be empty");
    expect(await page.locator("#name").isVisible()).toBe(true);
    await page.close();
  });

  test("lets nobody fall behind for ever", async () => {
    server = await ExampleServer.start("chat", kind);
    await init();
    await using connection = await connect(`ws://127.0.0.1:${server.port}/chat/rpc`);
    const room = connection.bootstrap(Room);
    const never = new Promise<void>(() => undefined);
    const { seat: slowSeat } = await room.join({ name: "Slow", guest: serve(Guest, { hear: () => never }) });
    const heard: News[] = [];
    const { seat } = await room.join({ name: "Quick", guest: serve(Guest, { hear: ({ news }) => void (news && heard.push(news)) }) });
    // One that Quick came in, which is under way, and a thousand that may wait.
    for (let said = 1; said <= 1000; said++) await seat?.say({ text: `${said}` });
    await slowSeat?.say({ text: "I am still here" });
    await expect(slowSeat?.say({ text: "And now?" })).rejects.toThrow("the room could not reach you any more; join again");
    await expect.poll(() => heard.slice(-2), PATIENTLY).toEqual([{ who: "Slow", which: "said", said: "I am still here" }, { who: "Slow", which: "left" }]);
  });
});
