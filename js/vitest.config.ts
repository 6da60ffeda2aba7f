import { defineConfig } from "vitest/config";

export default defineConfig({
  // Generated modules import the package by its name.
  resolve: { alias: { "capstan/codegen/v1": `${import.meta.dirname}/src/codegen/v1.ts`, "capstan/sinks.capnp.js": `${import.meta.dirname}/src/capstan/sinks.capnp.ts` } },
  test: {
    root: import.meta.dirname,
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
  },
});
