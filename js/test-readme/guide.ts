import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../test-package/support.js";
import { blocksOf } from "./readme.js";

/**
 * The chapters of docs/guide. A code block names its file behind the language, "```js client.js", so that every reader sees what
 * belongs together; blocks of one file in one chapter follow each other. What a program prints is in the comments behind
 * its printing lines.
 */
export interface Chapter {
  readonly name: string;
  readonly files: ReadonlyMap<string, Snippet>;
  /** Shell blocks, in order. */
  readonly commands: readonly string[];
}

export interface Snippet {
  readonly name: string;
  readonly language: string;
  readonly code: string;
  /** The lines it prints, by its own comments. */
  readonly prints: readonly string[];
}

export function chapters(): Chapter[] {
  const directory = join(repository, "docs/guide");
  return readdirSync(directory)
    .filter((file) => file.endsWith(".md"))
    .sort()
    .map((file) => chapterOf(file, readFileSync(join(directory, file), "utf8")));
}

export function chapterOf(name: string, text: string): Chapter {
  const files = new Map<string, Snippet>();
  const commands: string[] = [];
  for (const block of blocksOf(text, name)) {
    if (TEXT.has(block.language)) continue;
    if (block.language === "sh") {
      commands.push(block.code);
      continue;
    }
    if (!CODE.has(block.language) || !block.file.endsWith(`.${CODE.get(block.language)}`)) {
      throw new Error(
        `${name}, line ${block.line}: a code block needs a language that this test knows and the name of its file, such as \`\`\`js client.js; this one says ${JSON.stringify(`${block.language} ${block.file}`)}`,
      );
    }
    const before = files.get(block.file)?.code;
    const code = before === undefined ? block.code : `${before}\n${block.code}`;
    files.set(block.file, { name: block.file, language: block.language, code, prints: printed(code) });
  }
  return { name, files, commands };
}

function printed(code: string): string[] {
  return [...code.matchAll(/^\s*(?:console\.log|println!)\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment as string);
}

/** Languages whose blocks are files that are run or compiled, and how the names of those end. */
const CODE = new Map([
  ["capnp", "capnp"],
  ["js", "js"],
  ["ts", "ts"],
  ["rust", "rs"],
  ["html", "html"],
]);

/** Languages of other programs, whose blocks nothing here runs. */
const TEXT = new Set(["text", "nginx", "caddy", "haproxy", "proto", "toml"]);

