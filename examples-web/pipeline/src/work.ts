import type { Folder } from "../cabinet.capnp.js";

/** Told of one call: when it is made, and when it was answered. */
export type Watch = (call: string) => () => void;

/** Waits for each folder before it opens the next. */
export async function waiting(cabinet: Folder, path: readonly string[], watch: Watch): Promise<string> {
  let folder = cabinet;
  for (const name of path) {
    const answered = watch(`open ${name}`);
    const results = await folder.open({ name });
    answered();
    if (results.folder === undefined) throw new Error(`the server has no folder ${name}`);
    folder = results.folder;
  }
  const answered = watch("read");
  const { text } = await folder.read();
  answered();
  return text;
}

/** Makes every call at once, each on the result of the one before. */
export async function pipelined(cabinet: Folder, path: readonly string[], watch: Watch): Promise<string> {
  let folder = cabinet;
  for (const name of path) {
    const answered = watch(`open ${name}`);
    const opening = folder.open({ name });
    // The answer is only looked at for the picture.
    opening.then(answered, () => undefined);
    ({ folder } = opening);
  }
  const answered = watch("read");
  const { text } = await folder.read();
  answered();
  return text;
}
