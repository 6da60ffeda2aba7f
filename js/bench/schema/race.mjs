/** Loads the compiler and compiles a schema, then others: milliseconds of each. */
import load, { run as capstan } from "compiler";

export async function run(wasm, text) {
  const begun = performance.now();
  await load({ module_or_path: wasm });
  const loaded = performance.now();
  const times = [];
  // Every text is new to the compiler; what grows faster is the engine's code for it.
  for (let round = 0; round < 20; round++) {
    const from = performance.now();
    compile(text.replaceAll("Round", `Round${round}`));
    times.push(performance.now() - from);
  }
  return { load: loaded - begun, first: times[0], later: times.slice(10).sort((a, b) => a - b)[5] };
}

function compile(text) {
  let bytes = 0;
  let complaints = "";
  const here = (path) => path === "round.capnp" || path === "/round.capnp";
  const status = capstan(["compile", "-o-", "round.capnp"], {
    canonicalize: (path) => (here(path) ? "/round.capnp" : "/"),
    isFile: here,
    read: () => new TextEncoder().encode(text),
    random: () => 1n,
    report: (said) => void (complaints += said),
    print: (chunk) => void (bytes += chunk.length),
  });
  if (status !== 0 || bytes === 0) throw new Error(complaints);
}
