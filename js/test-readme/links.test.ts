import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
// @ts-expect-error: a script, which has no types.
import { brokenLinks, filesBelow } from "../../docs/site/links.mjs";
import { repository } from "../test-package/support.js";

const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function site(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "capstan-links-"));
  directories.push(root);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

const dead = (found: { file: string; link: string }[]) => found.map(({ file, link }) => `${file}: ${link}`);

test("dead links of pages are found, by file and by name within it", async () => {
  const root = await site({
    "index.html": `<a href="sub/page.html#there">, <a href='sub/page.html#nowhere'>, <a href="missing.html">, <a href="https://example.com/x">`,
    "sub/page.html": `<h2 id="there">, <a href="#there">, <a href="../index.html">, <a href="../sub">, <img src="lost.png">`,
    "old.html": `<meta http-equiv="refresh" content="0;URL=sub/page.html"><a href="old.html#there">, <a href="old.html#gone">`,
  });
  expect(dead(brokenLinks(root))).toEqual([
    "index.html: sub/page.html#nowhere",
    "index.html: missing.html",
    "old.html: old.html#gone",
    "sub/page.html: ../sub",
    "sub/page.html: lost.png",
  ]);
});

test("dead links of Markdown are found, and code has none", async () => {
  const root = await site({
    "README.md": "# A title: with marks\n[a](b.md#two-words) [b](b.md#none) [c](#a-title-with-marks) [d](gone.md)\n```js x.js\nf[0](gone.md)\n```\n`[e](gone.md)`",
    "b.md": "## Two words\n",
  });
  expect(dead(brokenLinks(root, { markdown: ["README.md", "b.md"] }))).toEqual(["README.md: b.md#none", "README.md: gone.md"]);
});

test("the repository's texts have none", () => {
  const docs = (filesBelow(join(repository, "docs"), ".md") as string[]).filter((file) => !file.includes("node_modules"));
  const files = docs.map((file) => file.slice(repository.length + 1));
  expect(dead(brokenLinks(repository, { markdown: ["README.md", "changes/README.md", "js/bench/README.md", ...files] }))).toEqual([]);
});
