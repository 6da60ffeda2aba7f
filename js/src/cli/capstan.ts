#!/usr/bin/env node
/** `npx capstan` */
import { main } from "./run.js";

main(process.argv.slice(2));
