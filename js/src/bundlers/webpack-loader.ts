/** What `capstan/webpack` has webpack run for each schema. */
import { compile, type Options } from "./compile.js";

interface LoaderContext {
  readonly resourcePath: string;
  getOptions(): Options;
  addDependency(path: string): void;
}

export default function load(this: LoaderContext): string {
  const { code, files } = compile(this.resourcePath, this.getOptions());
  for (const file of files) this.addDependency(file);
  return code;
}
