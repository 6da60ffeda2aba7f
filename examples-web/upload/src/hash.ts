import { createSHA256 } from "hash-wasm";

/** The SHA-256 of a file, read piece by piece, in hexadecimal. */
export async function sha256(file: Blob): Promise<string> {
  const hash = await createSHA256();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return hash.digest("hex");
    hash.update(value);
  }
}
