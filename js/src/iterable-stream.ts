/** The stream, to be read by `for await` also in browsers whose streams cannot be iterated, as WebKit's. */
export function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> {
  if (!(Symbol.asyncIterator in stream)) Object.defineProperty(stream, Symbol.asyncIterator, { value: () => chunksOf(stream) });
  return stream;
}

async function* chunksOf<T>(stream: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const reader = stream.getReader();
  let isOver = false;
  try {
    for (;;) {
      isOver = true;
      const { done, value } = await reader.read();
      if (done) return;
      isOver = false;
      yield value;
    }
  } finally {
    // Left by `break` or by an error of the loop's body.
    const canceled = isOver ? undefined : reader.cancel();
    reader.releaseLock();
    await canceled;
  }
}
