// What was measured, as Markdown.

/** `columns`: the rows of `run` by engine. */
export function tables(columns) {
  const engines = Object.keys(columns);
  const [rows] = Object.values(columns);
  const out = [];
  for (const { name, direction, micros } of rows) {
    if (direction === "bytes") continue;
    out.push(`### ${name}, ${direction}`, "", `| µs (times ours) | ${engines.join(" | ")} |`, `|---|${engines.map(() => "--:|").join("")}`);
    const found = engines.map((engine) => columns[engine].find((row) => row.name === name && row.direction === direction).micros);
    for (const codec of Object.keys(micros)) {
      const cells = found.map((each) => `${each[codec].toFixed(1)} (${(each[codec] / each.capstan).toFixed(2)})`);
      out.push(`| ${codec} | ${cells.join(" | ")} |`);
    }
    out.push("");
  }
  out.push("### Ours as a fraction", "", `| | ${engines.flatMap((engine) => [`${engine}: of the best other`, "of capnp-es"]).join(" | ")} |`, `|---|${engines.map(() => "--:|--:|").join("")}`);
  for (const { name, direction } of rows) {
    if (direction === "bytes") continue;
    const cells = engines.flatMap((engine) => {
      const { micros } = columns[engine].find((row) => row.name === name && row.direction === direction);
      const { capstan, ...rows } = micros;
      const others = Object.fromEntries(Object.entries(rows).filter(([codec]) => !codec.startsWith("capstan")));
      const [best] = Object.entries(others).sort(([, a], [, b]) => a - b);
      return [`${(capstan / best[1]).toFixed(2)} (${best[0]})`, (capstan / others["capnp-es"]).toFixed(3)];
    });
    out.push(`| ${name}, ${direction} | ${cells.join(" | ")} |`);
  }
  const sizes = rows.filter((row) => row.direction === "bytes");
  if (sizes.length > 0) {
    out.push("", `| bytes | ${sizes.map((row) => row.name).join(" | ")} |`, `|---|${sizes.map(() => "--:|").join("")}`);
    for (const codec of Object.keys(sizes[0].micros)) out.push(`| ${codec} | ${sizes.map((row) => row.micros[codec]).join(" | ")} |`);
  }
  return `${out.join("\n")}\n`;
}
