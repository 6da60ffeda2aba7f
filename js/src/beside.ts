/** Files of the package in Node, where a bundler may have moved the scripts that read them. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What `readFile(new URL(path, import.meta.url))` resolves to, in a script of this directory that is written just so: it is how bundlers
 * see which file to take along. That of Next.js does, and keeps `import.meta.url` what it was; but the URL it makes one for
 * browsers, which Node refuses.
 */
export async function beside<File>(reading: Promise<File>, path: string): Promise<File | Uint8Array<ArrayBuffer>> {
  try {
    return await reading;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_INVALID_ARG_TYPE") throw error;
    return await readFile(join(dirname(fileURLToPath(import.meta.url)), path));
  }
}
