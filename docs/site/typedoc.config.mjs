/*
 * The site that `npm run docs` makes: the guide, and the reference of every entry of the npm package.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

const { exports } = JSON.parse(readFileSync(path("pkg-template/package.json"), "utf8"));

/** What generated modules import, and the modules generated from the standard schemas: nobody reads about those. */
const FOR_MACHINES = /^\.\/(codegen\/|capnp\/|package\.json$)/;

/** The source of each entry, and what it is imported by. */
const entries = Object.entries(exports)
  .filter(([name]) => !FOR_MACHINES.test(name))
  .map(([name, { types }]) => ({
    source: path(types.replace("./dist/", "js/src/").replace(/\.d\.ts$/, ".ts")),
    name: name.replace(/^\./, "capstan"),
  }))
  .filter(({ source, name }) => {
    if (existsSync(source)) return true;
    throw new Error(`pkg-template/package.json exports ${name}, whose source should be ${source}`);
  });

/** Modules go by the names they are imported by, not by those of their files. */
function namedByExports(app) {
  app.converter.on("createDeclaration", (_context, reflection) => {
    const source = reflection.sources?.[0]?.fullFileName;
    const entry = reflection.parent?.isProject() && entries.find((each) => each.source === source);
    if (entry) reflection.name = entry.name;
  });
}

export default {
  name: "Capstan",
  entryPoints: entries.map(({ source }) => source),
  tsconfig: path("js/tsconfig.json"),
  plugin: [namedByExports],
  readme: path("docs/README.md"),
  projectDocuments: [path("docs/guide/*.md"), path("docs/*.md")],
  exclude: [path("docs/README.md")],
  out: path("target/docs"),
  basePath: fileURLToPath(root),
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  includeVersion: false,
  customCss: path("docs/site/style.css"),
  navigation: { includeCategories: false, includeGroups: false },
  sort: ["kind", "source-order"],
  highlightLanguages: ["capnp", "css", "html", "ini", "javascript", "json", "nginx", "proto", "rust", "shellscript", "text", "toml", "typescript", "yaml"].filter((name) => name !== "capnp"),
  ignoredHighlightLanguages: ["capnp", "caddy", "haproxy"],
  treatWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
};
