import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { pinned, Project, repository } from "./support.js";

/** The first with the `Uint8Array<ArrayBuffer>` that the platform's own types ask for by now. */
const OLDEST = "5.7.3";

const USE = `
import { build, CapnpError, decode, encode, List, type PointerType, read, readable, Text } from "capstan";
import { openSource } from "capstan/sinks";
import { Shape } from "./generated/everything.capnp.js";
import { ByteSink } from "./generated/files.capnp.js";
import { Box, Map as SchemaMap, Person, people, somebody, Store } from "./generated/generics.capnp.js";
import * as js from "./generated/js/generics.capnp.js";

export const person: Person | undefined = decode(Box(Person), encode(Box(Person), { value: { name: "x" } })).value;
export const names: string[] = decode(Box(List(Text)), new Uint8Array()).value;
export const entry: js.Map.Entry<typeof Text, typeof js.Person> = decode(js.Map(Text, js.Person).Entry, new Uint8Array());
export const constants: readonly (string | undefined)[] = [somebody, ...people].map(({ name }) => name);
export function first<T extends PointerType>(store: Store<T>): Promise<Store.get$Results<T>> {
  return store.get({ key: "first" });
}
export async function opened(store: Store): Promise<string> {
  const { other } = await store.open({ seed: "seed" }, { types: [Text] });
  return other;
}
export async function lengths(sum = 0): Promise<number> {
  for await (const { name } of (await openSource(Person)).stream) sum += name.length;
  for await (const chunk of readable(ByteSink, () => {})) sum += chunk.length;
  return sum;
}
const view = read(Shape, new Uint8Array());
export const radius: number = view.which === "circle" ? view.circle : 0;
const box = build(Box(Person));
box.initValue().name = "y";
box.value = somebody;
const map = build(SchemaMap(Text, Person));
map.entries = [{ key: "k", value: somebody }];
const at: number | undefined = map.initEntries(2).at(0).value?.age;
export const failed: CapnpError | undefined = at === 3 ? new CapnpError("failed", "no") : undefined;
// @ts-expect-error: a scalar cannot be behind a pointer
box.value = 5;
`;

/** What programs for Node use, whose types are not those of the DOM. */
const NODE_USE = `
import { readFile } from "node:fs/promises";
import { type CapnpError, connect, init } from "capstan";
import { compile } from "capstan/compiler";
import { serveHttp } from "capstan/http";
import { init as initInline } from "capstan/inline";
import { encode } from "capstan/messages";
import { attach } from "capstan/node";
import { DedicatedConnections } from "capstan/sinks";

export const all = [attach, compile, connect, DedicatedConnections, encode, initInline, serveHttp];
export const reason = (error: CapnpError): string => error.reason;
await init(readFile("capstan.wasm").then((bytes) => new Uint8Array(bytes)));
`;

const NODE_OPTIONS = { lib: ["ES2023"], module: "NodeNext", moduleResolution: "NodeNext", types: ["node"] };

const config = (options: object, include: string[]): string => JSON.stringify({
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    module: "ESNext",
    moduleResolution: "bundler",
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noFallthroughCasesInSwitch: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    isolatedModules: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
    ...options,
  },
  include,
});

describe("the package and generated modules satisfy every strict check", () => {
  let project: Project;

  beforeAll(async () => {
    project = await Project.create({
      "use.ts": USE,
      "node-use.ts": NODE_USE,
      "tsconfig.json": config({}, ["use.ts", "generated"]),
      "tsconfig.node.json": config(NODE_OPTIONS, ["node-use.ts"]),
    });
    const generated = join(repository, "js/test/generated");
    await cp(generated, join(project.dir, "generated"), { recursive: true, filter: (path) => !path.includes("capnp-es") });
  });

  afterAll(async () => {
    await project?.remove();
  });

  test.each([
    ["the oldest supported TypeScript", `typescript@${OLDEST}`],
    ["the newest", undefined],
  ])("of %s", async (_, known) => {
    const compiler = known ?? (await pinned("typescript"));
    await project.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", compiler, await pinned("@types/node"));
    for (const each of ["tsconfig.json", "tsconfig.node.json"]) await project.run("node", "node_modules/typescript/bin/tsc", "-p", each);
  });
});
