import { defineConfig } from "vitest/config";

// A newcomer with nothing but README.md, the npm tarball and the crates.
// `cargo xtask test --only build,readme` makes what they need and says where it is.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    testTimeout: 180_000,
    // The first build of the server compiles all it depends on.
    hookTimeout: 900_000,
    fileParallelism: false,
  },
});
