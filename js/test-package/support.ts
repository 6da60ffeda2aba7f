import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Browser, chromium, type Page } from "playwright-core";
import { UploadServer } from "../test/upload-server.js";

export { UploadServer };

/** What the test runner made before these tests started. */
export const made = {
  tarball: () => setting("CAPSTAN_TARBALL"),
  page: () => setting("CAPSTAN_PAGE"),
  /** The pages of examples-web, but for upload's. */
  examples: () => setting("CAPSTAN_EXAMPLES"),
  examplesServer: () => setting("CAPSTAN_EXAMPLES_SERVER"),
  uploadServer: () => setting("CAPSTAN_UPLOAD_SERVER"),
  cli: () => setting("CAPSTAN_CLI"),
  chromium: () => setting("CAPSTAN_CHROMIUM"),
  firefox: () => setting("CAPSTAN_FIREFOX"),
  /** WebKit's browser for tests. */
  webkit: () => setting("CAPSTAN_WEBKIT"),
};

/** The repository, for the example's schema module and for pinned tools. */
export const repository = join(import.meta.dirname, "../..");

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new Error(`${name} is not set: start these tests with \`cargo xtask test --only build,package\``);
  }
  return value;
}

/** An empty directory outside the repository, as a user's project would be, with the tarball installed. */
export class Project {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(files: Record<string, string>, packages: readonly string[] = []): Promise<Project> {
    const project = await Project.empty({ "package.json": JSON.stringify({ name: "project", private: true, type: "module" }), ...files });
    await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", made.tarball(), ...packages);
    return project;
  }

  /** The same without a package.json and without the tarball. */
  static async empty(files: Record<string, string>): Promise<Project> {
    const project = new Project(await realpath(await mkdtemp(join(tmpdir(), "capstan-project-"))));
    await project.write(files);
    await project.take(".npmrc", ".npmrc");
    return project;
  }

  async write(files: Record<string, string>): Promise<void> {
    for (const [name, content] of Object.entries(files)) await writeFile(join(this.dir, name), content);
  }

  /** Copies a file of the repository into the project's directory. */
  async take(path: string, as: string): Promise<void> {
    await copyFile(join(repository, path), join(this.dir, as));
  }

  /** Runs a program in the project; fails with all it said unless it succeeds. */
  async run(program: string, ...args: string[]): Promise<string> {
    return succeeded([program, ...args].join(" "), await this.attempt(program, ...args));
  }

  /** The same for a line as one types it. */
  async shell(line: string, environment: Record<string, string> = {}): Promise<string> {
    return succeeded(line, await ended(spawn("sh", ["-c", line], { cwd: this.dir, stdio, env: { ...process.env, ...environment } })));
  }

  attempt(program: string, ...args: string[]): Promise<Outcome> {
    return ended(spawn(program, args, { cwd: this.dir, stdio }));
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];

function succeeded(line: string, { status, output }: Outcome): string {
  if (status !== 0) throw new Error(`${line} ended with ${status}:\n${output}`);
  return output;
}

async function ended(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Outcome> {
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, output };
}

/** The version of a package that the repository's lock file pins. */
export async function pinned(name: string): Promise<string> {
  const { default: lock } = (await import(join(repository, "package-lock.json"), { with: { type: "json" } })) as {
    default: { packages: Record<string, { version: string } | undefined> };
  };
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json does not pin ${name}`);
  return `${name}@${entry.version}`;
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: made.chromium(), args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export interface BuiltPage {
  readonly page: Page;
  close(): Promise<void>;
}

/** Opens what `npx vite build` makes of a project in Chromium, and waits until its title says that it is ready. */
export async function openBuilt(project: Project): Promise<BuiltPage> {
  await project.run("npx", "vite", "build");
  const server = await UploadServer.start(join(project.dir, "dist"));
  const browser = await openBrowser();
  const close = async () => {
    await browser.close();
    await server.stop();
  };
  const page = await browser.newPage();
  await page.goto(`${server.url}/`);
  await page.waitForFunction(() => document.title === "ready");
  return { page, close };
}

export interface Sample {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** A file of random bytes, with its hash. */
export async function sampleFile(dir: string, name: string, size: number): Promise<Sample> {
  const path = join(dir, name);
  const bytes = randomBytes(size);
  await writeFile(path, bytes);
  return { path, name, size, sha256: createHash("sha256").update(bytes).digest("hex") };
}
