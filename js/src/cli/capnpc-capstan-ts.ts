#!/usr/bin/env node
/** `capnp compile -o capstan-ts` runs this. */
import { main } from "./run.js";

main(["plugin", "ts"]);
