#!/usr/bin/env node
/** `capnp compile -o capstan-rust` runs this. */
import { main } from "./run.js";

main(["plugin", "rust"]);
