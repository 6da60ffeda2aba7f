/** A stream that can be read by `for await`, whatever the platform's own types say of streams. */
export type IterableStream<T> = ReadableStream<T> & AsyncIterable<T>;

/** The stream, to be read by `for await` also in browsers whose streams cannot be iterated, as WebKit's. */
export function iterable<T>(stream: ReadableStream<T>): IterableStream<T> {
  if (!(Symbol.asyncIterator in stream)) Object.defineProperty(stream, Symbol.asyncIterator, { value: () => chunksOf(stream) });
  return stream as IterableStream<T>;
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
