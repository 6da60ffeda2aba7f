// Makes golden-forms.json: the messages of golden.json, and some more, in the other forms that the C++ tool writes.
// `node js/test/golden-forms.mjs`, with Debian's `capnp` installed.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const types = {
  scalars: "Scalars",
  noScalars: "Scalars",
  defaults: "Defaults",
  setDefaults: "Defaults",
  emptyBlobs: "Defaults",
  lists: "Lists",
  noLists: "Lists",
  circle: "Shape",
  polygon: "Shape",
  box: "Shape",
  none: "Shape",
  inner: "Shape",
  corner: "Shape",
  noShape: "Shape",
  holder: "Holder",
  old: "OldHolder",
  new: "NewHolder",
  listsInSegments: "Lists",
  newInSegments: "NewHolder",
};

const schema = new URL("schemas/everything.capnp", import.meta.url).pathname;
const golden = JSON.parse(readFileSync(new URL("golden.json", import.meta.url), "utf8"));

const convert = (input, to, ...args) => execFileSync("capnp", ["convert", `binary:${to}`, ...args], { input, stdio: ["pipe", "pipe", "inherit"] });

const forms = {};
for (const [name, type] of Object.entries(types)) {
  const bytes = Buffer.from(golden[name], "hex");
  // Else the tool puts everything into one segment.
  const flags = name.endsWith("InSegments") ? ["--segment-size=2"] : [];
  forms[name] = {
    packed: convert(bytes, "packed", ...flags).toString("hex"),
    canonical: convert(bytes, "canonical").toString("hex"),
    json: JSON.parse(convert(bytes, "json", schema, type).toString()),
  };
}
const lines = Object.entries(forms).map(([name, form]) => `${JSON.stringify(name)}: ${JSON.stringify(form)}`);
writeFileSync(new URL("golden-forms.json", import.meta.url), `{\n${lines.join(",\n")}\n}\n`);
