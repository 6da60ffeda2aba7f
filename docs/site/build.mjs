/*
 * Makes target/docs: the guide and the reference of the npm package by TypeDoc, and what `cargo doc` has made of the crates
 * beside them. Fails when anything public is undocumented or any link between these leads nowhere.
 *
 *     node docs/site/build.mjs target/doc capstan_message capstan_rpc …
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Application } from "typedoc";
import { brokenLinks, filesBelow } from "./links.mjs";
import config from "./typedoc.config.mjs";

const [rustdoc, ...crates] = process.argv.slice(2);
const root = fileURLToPath(new URL("../../", import.meta.url));
const out = config.out;
/** What all crates' pages use together. */
const SHARED = /^(static\.files|search\.index|trait\.impl|type\.impl)$/;

rmSync(out, { recursive: true, force: true });
await guideAndReference();
takeRustdoc();
listCrates();
forgetOtherCrates();
pointToRustdoc();

const broken = [...brokenLinks(out), ...brokenLinks(root, { markdown: ["README.md", "js/bench/README.md", ...markdownOf("docs")] })];
for (const { file, link, why } of broken) console.error(`${file}: ${link}: ${why}`);
if (broken.length > 0) fail(`${broken.length} dead link(s)`);

async function guideAndReference() {
  const app = await Application.bootstrapWithPlugins(config);
  const project = await app.convert();
  if (project === undefined) fail("TypeDoc could not read js/src");
  app.validate(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) fail("TypeDoc is not content");
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) fail("TypeDoc is not content");
}

/** Only what belongs to our crates: the directory may hold others' as well. */
function takeRustdoc() {
  const [missing] = crates.filter((name) => !existsSync(join(rustdoc, name, "index.html")));
  if (missing !== undefined) fail(`${rustdoc} has no documentation of ${missing}`);
  const shared = readdirSync(rustdoc, { withFileTypes: true }).filter((entry) => entry.isFile() || SHARED.test(entry.name));
  for (const { name } of shared) cpSync(join(rustdoc, name), join(out, "rust", name), { recursive: true });
  for (const name of [...crates, ...crates.map((each) => `src/${each}`)]) {
    cpSync(join(rustdoc, name), join(out, "rust", name), { recursive: true });
  }
}

/** rustdoc makes no page of all crates, and links to it all the same. */
function listCrates() {
  const items = crates.map((name) => `<li><a href="${name}/index.html">${name.replaceAll("_", "-")}</a></li>`);
  writeFileSync(join(out, "rust", "index.html"), `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Capstan's crates</title><style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui;margin:2rem}</style>
<h1>Capstan's crates</h1><ul>${items.join("")}</ul><p><a href="../index.html">The guide</a></p></html>\n`);
}

/** Where texts come from dependencies, whose pages are not here, rustdoc leaves their links as they were written. */
function forgetOtherCrates() {
  for (const file of filesBelow(join(out, "rust"), ".html")) {
    const html = readFileSync(file, "utf8");
    const rid = html.replace(/<a href="(?:[a-z_]+::[\w:]+|[A-Za-z_]+)(?:#[^"]*)?"[^>]*>([^]*?)<\/a>/g, "$1");
    if (rid !== html) writeFileSync(file, rid);
  }
}

/** Texts name the crates' documentation by the address that it has once they are published; here it is beside them. */
function pointToRustdoc() {
  for (const file of filesBelow(out, ".html")) {
    if (relative(out, file).startsWith("rust")) continue;
    const html = readFileSync(file, "utf8");
    const here = relative(dirname(file), join(out, "rust"));
    const pointed = html.replace(/href="https:\/\/docs\.rs\/capstan-[a-z]+\/latest\/([^"]*)"/g, (_all, path) => {
      return `href="${here}/${/(^|\/)$/.test(path.replace(/#.*/, "")) ? path.replace(/(#.*)?$/, "index.html$1") : path}"`;
    });
    if (pointed !== html) writeFileSync(file, pointed);
  }
}

function markdownOf(directory) {
  return filesBelow(join(root, directory), ".md")
    .map((file) => relative(root, file))
    .filter((file) => !file.includes("node_modules"));
}

function fail(why) {
  console.error(`docs: ${why}`);
  process.exit(1);
}
