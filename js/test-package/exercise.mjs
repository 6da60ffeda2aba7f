/*
 * What the package has to do in every place where JavaScript runs, against the upload example's server: pipeline,
 * stream up, serve, stream down. Copied into the projects of tests, where it knows neither the name of the package nor the place.
 */

const SIZE = 1_000_003;

/** Resolves to "ok" and what was seen; `capstan` is the package, `schema` the example's module. */
export async function exercise(capstan, schema, url) {
  const { connect, readable, writable } = capstan;
  const { ByteSink, Files } = schema;
  const connection = await connect(url);
  const files = connection.bootstrap(Files);
  const sent = pattern(SIZE);

  // Both calls leave before the first is answered.
  const file = files.create({ name: "exercise.bin", size: SIZE });
  const stream = writable(file.sink);
  await new Blob([sent]).stream().pipeTo(stream);
  const { total } = await stream.result;
  const { handle } = await file;

  // The server calls an object of this side, and has to wait for it.
  const received = new Uint8Array(SIZE);
  let count = 0;
  for await (const chunk of readable(ByteSink, (into) => files.read({ handle, into }))) {
    received.set(chunk, count);
    count += chunk.length;
  }
  const damaged = received.findIndex((byte, index) => byte !== sent[index]);

  const closed = (await connection.close("done")).reason;
  return `up ${total}, down ${count}, damaged ${damaged}, closed ${closed}`;
}

/** What `exercise` resolves to when all is well. */
export const EXPECTED = `up ${SIZE}, down ${SIZE}, damaged -1, closed done`;

function pattern(length) {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
