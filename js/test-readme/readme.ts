import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../test-package/support.js";

/** README.md by its headings and code blocks. The tests take every snippet from here, so there is no second copy. */
export class Readme {
  readonly text: string;
  readonly #blocks: readonly Block[];
  readonly #used = new Set<Block>();

  constructor(text = readFileSync(join(repository, "README.md"), "utf8")) {
    this.text = text;
    this.#blocks = [...blocksOf(text)];
  }

  /** The code blocks in `language` below a heading, which must be exactly `count`. */
  take(heading: string, language: string, count: number): string[] {
    const found = this.#blocks.filter((block) => block.heading === heading && block.language === language);
    if (found.length !== count) {
      throw new Error(
        `README.md: expected ${count} ${language} block(s) below the heading "${heading}", found ${found.length}; there are:\n${this.#list(this.#blocks)}`,
      );
    }
    for (const block of found) this.#used.add(block);
    return found.map((block) => block.code);
  }

  /** Blocks nobody took: snippets that no test runs. */
  untested(): string {
    return this.#list(this.#blocks.filter((block) => !this.#used.has(block)));
  }

  #list(blocks: readonly Block[]): string {
    return blocks.map((block) => `line ${block.line}: ${block.language} below "${block.heading}"`).join("\n");
  }
}

export interface Block {
  readonly heading: string;
  readonly language: string;
  /** What stands behind the language: the name of a file, or nothing. */
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** The code blocks of a Markdown text, which errors call `name`. */
export function* blocksOf(text: string, name = "README.md"): Generator<Block> {
  let heading = "";
  let open: Omit<Block, "heading" | "code"> & { code: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (open === undefined) {
      heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
      const [, language, file = ""] = /^```(\w*)(?: (\S+))?$/.exec(line) ?? [];
      if (language !== undefined) open = { language, file, line: index + 1, code: [] };
    } else if (line === "```") {
      yield { ...open, heading, code: `${open.code.join("\n")}\n` };
      open = undefined;
    } else {
      open.code.push(line);
    }
  }
  if (open !== undefined) throw new Error(`${name}: the code block of line ${open.line} does not end`);
}

/** What `pattern` captures in a snippet; the README must keep saying it. */
export function captured(snippet: string, pattern: RegExp, what: string): string {
  const found = pattern.exec(snippet)?.[1];
  if (found === undefined) throw new Error(`README.md: found no ${what} (${pattern}) in the block:\n${snippet}`);
  return found;
}

/** `text` with every `from` replaced; it must be there. */
export function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`README.md: expected ${JSON.stringify(from)} in the block:\n${text}`);
  return text.replaceAll(from, to);
}

/** A command of a shell block, and the files that its comment promises. */
export interface Command {
  readonly line: string;
  readonly writes: readonly string[];
}

export function commandsOf(block: string): Command[] {
  return block
    .split("\n")
    .map((line) => /^([^#]*)(?:# *(.*))?$/.exec(line) ?? [])
    .map(([, line = "", comment = ""]) => ({
      line: line.trim(),
      writes: comment.startsWith("writes ") ? comment.slice("writes ".length).split(/,? and |, /) : [],
    }))
    .filter(({ line }) => line !== "");
}
