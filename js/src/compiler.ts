/** Schemas at run time: the compiler, and types without generated code. */
export { compile, schemaFrom, type SchemaFiles } from "./schema/compile.js";
export { type AnyClient, type AnyPipeline, type AnyStruct, type RuntimeInterface, type RuntimeStruct, Schema } from "./schema/schema.js";
