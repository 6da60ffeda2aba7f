/** For tools that do not read "exports" in package.json, such as Parcel. */
export * from "./dist/messages.js";
