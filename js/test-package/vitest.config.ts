import { defineConfig } from "vitest/config";

// These tests see only what a user gets: the packed tarball, the built page, a running server.
// `cargo xtask test --only build,package` makes all of it and says where it is.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.test.ts"],
    // npm, bundlers and browsers: far slower than a unit test, and no faster in parallel on two cores.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
