/*
 * The site that `npm run docs` makes: the guide, and the reference of every entry of the npm package.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Comment, ReflectionKind } from "typedoc";

const root = new URL("../../", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

const { exports } = JSON.parse(readFileSync(path("pkg-template/package.json"), "utf8"));

/** What generated modules import, and the modules generated from the standard schemas: nobody reads about those. */
const FOR_MACHINES = /^\.\/(codegen\/|capnp\/|package\.json$)|\.capnp\.js$/;

/** The source of each entry, and what it is imported by. */
const entries = Object.entries(exports)
  .filter(([name]) => !FOR_MACHINES.test(name))
  .map(([name, { types }]) => {
    const source = types.replace("./dist/", "js/src/").replace(/\.d\.ts$/, ".ts");
    return { source: path(source), unnamed: source.replace(/(\/index)?\.ts$/, ""), name: name.replace(/^\./, "capstan") };
  })
  .filter(({ source, name }) => {
    if (existsSync(source)) return true;
    throw new Error(`pkg-template/package.json exports ${name}, whose source should be ${source}`);
  });

/** The texts in the order in which docs/README.md names them: none is forgotten there. */
const documents = [...readFileSync(path("docs/README.md"), "utf8").matchAll(/\]\(([\w/-]+\.md)\)/g)].map(([, file]) => file);
for (const file of [...below("guide"), ...below("")]) {
  if (!documents.includes(file)) throw new Error(`docs/README.md has no link to ${file}; put it where readers will look for it`);
}

function below(directory) {
  const names = readdirSync(path(`docs/${directory}`)).filter((name) => name.endsWith(".md") && name !== "README.md");
  return names.map((name) => (directory === "" ? name : `${directory}/${name}`));
}

/** Modules go by the names they are imported by, not by those of their files; documents by their headings. */
function named(app) {
  app.converter.on("createDeclaration", (_context, reflection) => {
    const entry = reflection.parent?.isProject() && entries.find(({ unnamed }) => unnamed === reflection.name);
    if (entry) reflection.name = entry.name;
  });
  app.converter.on("resolveBegin", ({ project }) => {
    // The page has that title already.
    const [first] = project.readme ?? [];
    if (first?.kind === "text") first.text = first.text.replace(/^# .*\n/, "");
    for (const reflection of Object.values(project.reflections)) {
      const file = project.getSymbolIdFromReflection(reflection)?.fileName;
      if (file?.endsWith(".capnp.ts")) withoutSchema(project, reflection);
    }
  });
  app.converter.on("createDocument", (_context, document) => {
    const file = documents.find((each) => `docs/${each}` === `${document.name}.md`);
    const [first] = document.content;
    const heading = first?.kind === "text" && /^# (.*)\n/.exec(first.text)?.[1];
    if (!heading || !file) throw new Error(`the document ${document.name} should begin with a heading`);
    document.name = heading;
    document.frontmatter.group = file.startsWith("guide/") ? "Guide" : "In depth";
    // What stands behind the language is the name of the file that the code is of.
    for (const part of document.content) {
      if (part.kind === "code") part.text = part.text.replace(/^```(\w+) (\S+)$/m, "<div class=\"file\">$2</div>\n\n```$1");
    }
  });
}

/** Of what was generated from a schema only the name is told: the schema tells the rest. */
function withoutSchema(project, reflection) {
  if (!reflection.parent?.kindOf(ReflectionKind.Module)) {
    project.removeReflection(reflection);
    return;
  }
  const schema = project.getSymbolIdFromReflection(reflection).fileName.replace(/^.*\/(?=cap(np|stan)\/)/, "/").replace(/\.ts$/, "");
  reflection.comment = new Comment([{ kind: "text", text: `As declared in \`${schema}\`.` }]);
}

/** Types that describe how values and clients are typed, and are of no use by themselves. */
const PLUMBING = [
  "Absent",
  "AnyTypes",
  "CompiledModule",
  "InputOf",
  "Integer64",
  "ListTypes",
  "Method",
  "ParamsOf",
  "ResultOf",
  "Same",
  "StreamedNames",
  "TypesOf",
  "TypedValue",
];

export default {
  name: "Capstan",
  entryPoints: entries.map(({ source }) => source),
  tsconfig: path("docs/site/tsconfig.json"),
  plugin: [named],
  readme: path("docs/README.md"),
  projectDocuments: documents.map((file) => path(`docs/${file}`)),
  out: path("target/docs"),
  basePath: fileURLToPath(root),
  disableSources: true,
  excludePrivate: true,
  excludeInternal: true,
  includeVersion: false,
  customCss: path("docs/site/style.css"),
  navigation: { includeGroups: true },
  groupOrder: ["Guide", "In depth", "Modules", "*"],
  sortEntryPoints: false,
  sort: ["documents-first", "kind", "source-order"],
  highlightLanguages: ["css", "html", "javascript", "json", "nginx", "proto", "rust", "shellscript", "toml", "typescript"],
  ignoredHighlightLanguages: ["capnp", "caddy", "haproxy", "text"],
  intentionallyNotExported: PLUMBING,
  logLevel: "Warn",
  treatWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
};
