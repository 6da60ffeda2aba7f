/** Links that lead nowhere, in the pages of a site and in Markdown files. Addresses elsewhere are not asked. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/**
 * All dead links below `root`: of its HTML pages, or of the `markdown` files, named relative to it.
 *
 * @returns {{ file: string, link: string, why: string }[]}
 */
export function brokenLinks(root, { markdown } = {}) {
  const files = markdown ? markdown.map((file) => join(root, file)) : filesBelow(root, ".html");
  const targets = new Map();
  const targetsOf = (file) => {
    if (!targets.has(file)) targets.set(file, file.endsWith(".md") ? headings(file) : ids(file));
    return targets.get(file);
  };
  const broken = [];
  for (const file of files) {
    for (const link of new Set(markdown ? markdownLinks(file) : htmlLinks(file))) {
      if (ELSEWHERE.test(link)) continue;
      const why = whyDead(file, link, targetsOf);
      if (why) broken.push({ file: relative(root, file), link, why });
    }
  }
  return broken;
}

/** All files below a directory whose names end so. */
export function filesBelow(directory, ending) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function whyDead(file, link, targetsOf) {
  const [path, fragment] = link.split("#", 2);
  let target = path === "" ? file : resolve(dirname(file), decoded(path.replace(/\?.*/, "")));
  if (!existsSync(target)) return "there is no such file";
  if (statSync(target).isDirectory()) {
    if (file.endsWith(".md")) return undefined;
    target = join(target, "index.html");
    if (!existsSync(target)) return "this directory has no index.html";
  }
  // Lines of rustdoc's sources are made by its script.
  target = redirected(target);
  if (!fragment || !/\.(html|md)$/.test(target) || /^\d+(-\d+)?$/.test(fragment)) return undefined;
  const targets = targetsOf(target);
  return targets.has(fragment) || targets.has(decoded(fragment)) ? undefined : `that page has nothing named "${fragment}"`;
}

/** Where a page leads that does nothing but lead elsewhere. */
function redirected(file) {
  if (!file.endsWith(".html") || statSync(file).size > 2000) return file;
  const to = /<meta http-equiv="refresh" content="0;\s*URL=([^"]*)"/i.exec(readFileSync(file, "utf8"))?.[1];
  return to === undefined ? file : resolve(dirname(file), decoded(to));
}

function htmlLinks(file) {
  const html = readFileSync(file, "utf8").replace(/<script\b[^]*?<\/script>/g, "");
  return [...html.matchAll(/\s(?:href|src)=(?:"([^"]*)"|'([^']*)')/g)].map(([, double, single]) => unescaped(double ?? single));
}

function ids(file) {
  const html = readFileSync(file, "utf8");
  return new Set([...html.matchAll(/\s(?:id|name)=(?:"([^"]*)"|'([^']*)')/g)].map(([, double, single]) => unescaped(double ?? single)));
}

function markdownLinks(file) {
  return [...prose(file).matchAll(/\]\(([^()\s]+)\)/g)].map(([, link]) => link);
}

/** Headings by the names that GitHub and TypeDoc give them. */
function headings(file) {
  const texts = [...prose(file).matchAll(/^#+ +(.*)$/gm)].map(([, text]) => text);
  return new Set(texts.map((text) => text.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")));
}

/** A Markdown file without its code. */
function prose(file) {
  return readFileSync(file, "utf8")
    .replace(/^```[^]*?^```$/gm, "")
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, " "));
}

function unescaped(text) {
  return text.replace(/&(amp|lt|gt|quot|#39|#x27|#x2F);/g, (all, name) => ENTITIES[name] ?? all);
}

function decoded(link) {
  try {
    return decodeURIComponent(link);
  } catch {
    return link;
  }
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'", "#x2F": "/" };

const ELSEWHERE = /^([a-z][a-z0-9+.-]*:|\/\/)/i;
