/** The entry point for messages; as that for everything. */
import { loadAids } from "./aids.js";

loadAids();

export * from "./messages.js";
