import { readFileSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, pinned, Project, repository, UploadServer } from "../test-package/support.js";
import { follow, freePort, Server } from "./newcomer.js";
import { captured, commandsOf, Readme, replaced } from "./readme.js";

const readme = new Readme();
const ADDRESS = "127.0.0.1:8080";

describe("README.md, followed in an empty directory", () => {
  const [schema] = readme.take("A file upload", "capnp", 1) as [string];
  const [client, byHand] = readme.take("The client, in a browser or in Node", "js", 2) as [string, string];
  const [rust] = readme.take("The server, in Rust", "rust", 1) as [string];
  const [steps] = readme.take("Putting it together", "sh", 1) as [string];
  const printed = captured(client, /console\.log\(.*\/\/.* (\d+n)$/m, "comment saying what the client prints");

  let port: number;
  let project: Project;
  let server: Server;

  const local = (text: string): string => replaced(text, ADDRESS, `127.0.0.1:${port}`);

  beforeAll(async () => {
    port = await freePort();
    project = await Project.empty({
      [captured(readme.text, /one schema, `(.*?)`/, "name of the schema's file")]: schema,
      "client.js": local(client),
    });
    await follow(project, commandsOf(steps));
    await project.write({ "src/main.rs": local(rust) });
    server = await Server.start(project, port);
  });

  afterAll(async () => {
    await server?.stop();
    await project?.remove();
  });

  test("the client in Node prints what the README says", async () => {
    const output = await project.run("node", "client.js");
    expect(output.split("\n")).toContain(printed);
    await expect.poll(() => server.printed).toContain(captured(client, /new File\(\[.*\], "(.*?)"\)/, "name of the file it sends"));
  });

  test("the lines for writing by hand work in place of the stream", async () => {
    const sink = "const { sink } = ";
    const beginning = captured(client, new RegExp(`^([^]*?${sink}.*\n)`), "line that makes the sink");
    const chunks = [new Uint8Array(70_000), new Uint8Array(1), new Uint8Array(200_000)];
    const program = [
      local(beginning),
      `const chunks = [${chunks.map((chunk) => `new Uint8Array(${chunk.length})`)}];`,
      byHand,
      "console.log(total);",
      "await conn.close();",
    ];
    await project.write({ "by-hand.js": program.join("\n") });
    const output = await project.run("node", "by-hand.js");
    expect(output.split("\n")).toContain("270001n");
  });

  test("the client satisfies strict TypeScript with the generated types", async () => {
    await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", await pinned("typescript"));
    // A wrong name must be refused, or the right ones prove nothing.
    const wrong = replaced(client, "files.create(", "files.crate(");
    await project.write({ "client.mts": client, "wrong.mts": wrong });
    for (const module of [["nodenext"], ["esnext", "--moduleResolution", "bundler"]]) {
      const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom", "--types", "", "--module", ...module];
      await project.run("npx", "tsc", ...options, "client.mts");
      const { output } = await project.attempt("npx", "tsc", ...options, "wrong.mts");
      expect(output).toContain("'crate' does not exist");
    }
  });

  describe("in Chromium, bundled by Vite", () => {
    let pages: UploadServer;
    let browser: Browser;

    beforeAll(async () => {
      await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", await pinned("vite"));
      await project.write({
        "index.html": `<!doctype html><html lang="en"><title>client</title><link rel="icon" href="data:,"><script type="module" src="/client.js"></script></html>`,
      });
      await project.run("npx", "vite", "build");
      // Any server of static files would do; the example's is at hand.
      pages = await UploadServer.start(join(project.dir, "dist"));
      browser = await openBrowser();
    });

    afterAll(async () => {
      await browser?.close();
      await pages?.stop();
    });

    test("the same client prints the same", async () => {
      const page = await browser.newPage();
      const said: string[] = [];
      page.on("pageerror", (error) => said.push(String(error)));
      page.on("console", (message) => said.push(message.text()));
      // The debugging protocol has no words for a bigint: it arrives as undefined.
      await page.addInitScript(() => {
        const { log } = console;
        console.log = (...values: unknown[]) => log(...values.map((value) => (typeof value === "bigint" ? `${value}n` : value)));
      });
      await page.goto(`${pages.url}/`);
      await expect.poll(() => said, { timeout: 30_000 }).not.toEqual([]);
      expect(said).toEqual([printed]);
      await page.close();
    });
  });
});

describe("README.md's HTTP through a capability", () => {
  const [program] = readme.take("HTTP through a capability", "js", 1) as [string];

  test("prints what the README says, and satisfies strict TypeScript", async () => {
    const project = await Project.create({ "program.js": program, "program.mts": program }, [await pinned("typescript")]);
    try {
      const said = [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
      expect((await project.run("node", "program.js")).trim().split("\n")).toEqual(said);
      await project.run("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,dom.asynciterable", "--types", "", "--module", "nodenext", "program.mts");
    } finally {
      await project.remove();
    }
  });
});

describe("README.md's sinks and sources", () => {
  const heading = "Sinks and sources";
  const [schema] = readme.take(heading, "capnp", 1) as [string];
  const [program] = readme.take(heading, "js", 1) as [string];

  test("print what the README says", async () => {
    const project = await Project.create({ "readings.capnp": schema, "program.js": program });
    try {
      await project.run("npx", "capstan", "compile", "-o", "js", "readings.capnp");
      const said = [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
      expect(said).toHaveLength(2);
      expect((await project.run("node", "program.js")).trim().split("\n")).toEqual(said);
    } finally {
      await project.remove();
    }
  });
});

describe("README.md's JavaScript on both sides", () => {
  const heading = "JavaScript on both sides";
  const [schema] = readme.take(heading, "capnp", 1) as [string];
  const [program] = readme.take(heading, "js", 1) as [string];
  const file = captured(readme.text, /its Worker\. This is `(.*?)`/, "name of the schema's file");

  test("prints what the README says, and satisfies strict TypeScript", async () => {
    // Strict TypeScript wants to know what is in the map and the list, and that a client may be missing.
    const typed = [
      ["new Map()", "new Map<string, Uint8Array<ArrayBuffer>[]>()"],
      ["chunks = []", "chunks: Uint8Array<ArrayBuffer>[] = []"],
      ["void chunks.push(chunk)", "void chunks.push(new Uint8Array(chunk))"],
      ["writable(into)", "writable(into!)"],
    ].reduce((text, [from, to]) => replaced(text, from as string, to as string), program);
    const project = await Project.create({ [file]: schema, "program.js": program, "program.mts": typed }, [await pinned("typescript")]);
    try {
      await project.run("npx", "capstan", "compile", "-o", "js", file);
      const said = [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
      expect((await project.run("node", "program.js")).trim().split("\n")).toEqual(said);
      await project.run("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,dom.asynciterable", "--types", "", "--module", "nodenext", "program.mts");
    } finally {
      await project.remove();
    }
  });
});

describe("README.md's messages without a connection", () => {
  const heading = "Messages without a connection";
  const [schema] = readme.take(heading, "capnp", 1) as [string];
  const [program, opened] = readme.take(heading, "js", 2) as [string, string];
  const file = captured(readme.text, /requests\. This is `(.*?)`/, "name of the schema's file");

  let project: Project;

  beforeAll(async () => {
    project = await Project.create({ [file]: schema, "program.js": program, "opened.js": opened });
    await project.run("npx", "capstan", "compile", "-o", "js", file);
  });

  afterAll(() => project?.remove());

  test.each([
    ["program.js", program],
    ["opened.js", opened],
  ])("print what the README says (%s)", async (name, text) => {
    const said = [...text.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
    expect(said.length).toBe(text.match(/console\.log/g)?.length);
    expect((await project.run("node", name)).trim().split("\n")).toEqual(said);
  });

  test("satisfy strict TypeScript", async () => {
    await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", await pinned("typescript"));
    // Response.body may be null by the types; a README need not say so.
    await project.write({ "program.mts": replaced(program, "body.pipeThrough", "body!.pipeThrough"), "opened.mts": opened });
    await project.run("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,dom.asynciterable", "--types", "", "--module", "nodenext", "program.mts", "opened.mts");
  });
});

describe("README.md's schemas", () => {
  const [schema] = readme.take("Messages without a connection", "capnp", 1) as [string];
  const [steps] = readme.take("Schemas", "sh", 1) as [string];
  const [config, program] = readme.take("Schemas", "js", 2) as [string, string];

  let project: Project;

  beforeAll(async () => {
    project = await Project.create({ "people.capnp": schema, "vite.config.js": config, "program.js": program }, [await pinned("vite")]);
  });

  afterAll(() => project?.remove());

  test("go through every command", async () => {
    for (const { line, writes } of commandsOf(steps)) {
      const output = await project.shell(line);
      for (const file of writes) await access(join(project.dir, file));
      const said = new RegExp(`${line.replace(/[^\w]/g, "\\$&")}.*# prints (.*)$`, "m").exec(steps)?.[1];
      if (said !== undefined) expect(output.trim().split("\n").at(-1)).toBe(said);
    }
    expect(await readFile(join(project.dir, "people.capnp"), "utf8")).toBe(schema);
  });

  test("are modules in Vite", async () => {
    await project.write({ "main.js": 'import { Person } from "./people.capnp";\nimport { encode } from "capstan";\nconsole.log(encode(Person, { born: 1 }).length);' });
    await project.run("npx", "vite", "build", "--ssr", "main.js", "--logLevel", "warn");
    expect(await project.run("node", "dist/main.js")).toBe("40\n");
    expect(await readFile(join(project.dir, "people.capnp.d.ts"), "utf8")).toContain("interface Person");
  });

  test("arrive at run time", async () => {
    expect(await project.run("node", "program.js")).toBe(`${captured(program, /console\.log\(.*\/\/ (.*)$/m, "comment saying what it prints")}\n`);
  });
});

describe("README.md's generics, defaults, constants and annotations", () => {
  const heading = "Generics, defaults, constants and annotations";
  const [schema] = readme.take(heading, "capnp", 1) as [string];
  const [program, json] = readme.take(heading, "js", 2) as [string, string];

  let project: Project;

  beforeAll(async () => {
    project = await Project.create({ "tree.capnp": schema, "program.js": program, "json.js": json }, [await pinned("typescript")]);
    await project.run("npx", "capstan", "compile", "-o", "js", "tree.capnp");
  });

  afterAll(() => project?.remove());

  test.each([
    ["program.js", program],
    ["json.js", json],
  ])("print what the README says (%s)", async (name, text) => {
    const said = [...text.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
    expect(said.length).toBe(text.match(/console\.log/g)?.length);
    expect((await project.run("node", name)).trim().split("\n")).toEqual(said);
  });

  test("satisfy strict TypeScript", async () => {
    // A variable of its own forgets that its strings are names.
    await project.write({ "program.mts": program, "json.mts": replaced(json, "const shape =", "const shape: Shape.Input =") });
    await project.run("npx", "tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,dom.asynciterable", "--types", "", "--module", "nodenext", "program.mts", "json.mts");
  });
});

describe("README.md's commands", () => {
  readme.take("Capstan", "sh", 1);

  test("each npm script it names is there", () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { scripts: Record<string, string> };
    const named = [...readme.text.matchAll(/npm (?:run ([\w:]+)|(test)\b)/g)].map(([, run, test]) => run ?? test);
    expect(named).toEqual(expect.arrayContaining(["demo", "test"]));
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  test("no code block is without a test", () => {
    expect(readme.untested()).toBe("");
  });
});
