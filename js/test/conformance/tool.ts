import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Debian's `capnp`, run in a directory of schemas. */
export function capnp(directory: URL, args: readonly string[], input: string | Uint8Array = ""): Buffer {
  const cwd = fileURLToPath(directory);
  const { error, status, stdout, stderr } = spawnSync("capnp", args, {
    cwd,
    // Or it complains that this is another directory.
    env: { ...process.env, PWD: cwd },
    input,
    maxBuffer: 1 << 28,
  });
  // It may refuse the input before it has read all of it, and says why.
  if ((error as { code?: string } | undefined)?.code === "ENOENT") {
    throw new Error("cannot run 'capnp', which this test compares with: `apt-get install capnproto`", { cause: error });
  }
  if (status !== 0 || stderr.length > 0) throw new Error(`capnp ${args.join(" ")}: ${stderr.toString()}`);
  return stdout;
}

/** A compiled schema as the tool hands it to plugins. */
export function compileSchema(directory: URL, file: string): Buffer {
  return capnp(directory, ["compile", "-o-", file]);
}
