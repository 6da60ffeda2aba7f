#!/usr/bin/env node
/** `capnp compile -o capstan-js` runs this. */
import { main } from "./run.js";

main(["plugin", "js"]);
