import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltPage, openBuilt, pinned, Project } from "./support.js";

const SCHEMA = `@0xb6e1c40f9a2d7385;

struct Book {
  title @0 :Text;
  pages @1 :UInt32;
  authors @2 :List(Author);
  union { paper @3 :Float32; pdf @4 :Data; unknown @5 :Void; }
  struct Author { name @0 :Text; born @1 :Int16 = 1900; }
}
`;

/** The same in Node and in the page: everything goes through the package's built files. */
const BOOKS = `
import { adopt, build, decode, disown, encode, equals, MessageBuilder, MessageReader, read, release, totalSize } from "capstan";
import { Book } from "./book.capnp.js";

export function story() {
  const book = build(Book);
  book.title = "Ünïcode";
  book.pages = 500;
  const authors = book.initAuthors(2000);
  for (let i = 0; i < authors.length; i++) authors.at(i).name = "author " + i;
  book.pdf = Uint8Array.of(1, 2, 3);
  const bytes = encode(book);
  const list = disown(book, "authors");
  const emptied = book.authors.length;
  adopt(book, "authors", list);

  const view = read(Book, bytes, { traversalLimitWords: 100_000 });
  // Room for this makes memory grow under the view.
  const large = read(Book, encode(Book, { which: "pdf", pdf: new Uint8Array(20_000_000) }));
  const shown = {
    title: view.title,
    pages: view.pages,
    last: view.authors.at(1999).name,
    born: view.authors[5].born,
    which: view.which,
    pdf: [...view.pdf],
    paper: view.paper,
    large: large.pdf.length,
    same: equals(view, book),
    decoded: decode(Book, bytes).authors.length,
    copied: decode(Book, encode(view.authors.at(3) && view)).title,
    words: totalSize(view.authors).words > 4000,
    emptied,
  };
  release(large);
  release(book);

  const untyped = new MessageBuilder();
  untyped.root.initList("pointer", 2).pointer(1).copyFrom(view);
  const again = new MessageReader(encode(untyped));
  shown.untyped = again.root.list().pointer(1).as(Book).title;
  again[Symbol.dispose]();
  release(untyped);

  release(view);
  try {
    shown.released = view.title;
  } catch (error) {
    shown.released = error.name + ": " + error.message;
  }
  const damaged = encode(Book, { title: "lost", pages: 7 });
  const titlePointer = 16 + Book.$.dataWords * 8;
  damaged.fill(0x75, titlePointer, titlePointer + 8);
  const bad = read(Book, damaged);
  try {
    shown.damaged = bad.pages;
    shown.damaged = bad.title;
  } catch (error) {
    shown.damaged = error.message;
  }
  release(bad);
  return shown;
}
`;

const MAIN = `
import { init } from "capstan";
import { story } from "./books.js";

await init();
window.story = story;
document.title = "ready";
`;

const NODE = `
import { init } from "capstan";
import { story } from "./books.js";

await init();
console.log(JSON.stringify(story()));
`;

const PAGE = `<!doctype html><html lang="en"><title>loading</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></html>`;

const EXPECTED = {
  title: "Ünïcode",
  pages: 500,
  last: "author 1999",
  born: 1900,
  which: "pdf",
  pdf: [1, 2, 3],
  large: 20_000_000,
  same: true,
  decoded: 2000,
  copied: "Ünïcode",
  words: true,
  emptied: 0,
  untyped: "Ünïcode",
  released: expect.stringMatching(/^CapnpError: book\.capnp:Book: the message was released/) as string,
  damaged: expect.stringMatching(/^book\.capnp:Book\.title: .*\(segment 0, word \d\)$/) as string,
};

declare global {
  interface Window {
    story(): Record<string, unknown>;
  }
}

describe("messages read and built a field at a time", () => {
  let project: Project;
  let built: BuiltPage;
  let page: Page;

  beforeAll(async () => {
    const files = { "book.capnp": SCHEMA, "books.js": BOOKS, "main.js": MAIN, "node.js": NODE, "index.html": PAGE };
    project = await Project.create(files, [await pinned("vite")]);
    await project.run("npx", "capstan", "compile", "-o", "js", "book.capnp");
    built = await openBuilt(project);
    page = built.page;
  });

  afterAll(async () => {
    await built?.close();
    await project?.remove();
  });

  test("in Chromium", async () => {
    const shown = await page.evaluate(() => ({ ...window.story(), paper: undefined }));
    expect(shown).toEqual({ ...EXPECTED, paper: undefined });
  });

  test("in Node", async () => {
    expect(JSON.parse(await project.run("node", "node.js"))).toEqual(EXPECTED);
  });
});
