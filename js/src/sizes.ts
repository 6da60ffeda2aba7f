/*
 * How much is kept in memory for the next time, or taken in at a time.
 *
 * A module of its own, without imports: so bundlers put the numbers where the names are.
 */

/** The room messages are encoded in. */
export const KEPT_SCRATCH_BYTES = 256 * 1024;
/** What comes out of packed messages, put together. */
export const FIRST_POOL_BYTES = 64 * 1024;
export const KEPT_POOL_BYTES = 2 * 1024 * 1024;
/** What a codec takes in at a time, at most. */
export const CODEC_INPUT_BYTES = 64 * 1024;
/** What a decoded message may leave behind in wasm without a call to give it back. */
export const LARGE_MESSAGE_BYTES = 256 * 1024;
/** And a copied part of one. */
export const LARGE_COPY_BYTES = 1024 * 1024;
/** Open messages that are not watched. That few may stay in memory when they are forgotten. */
export const UNWATCHED_MESSAGES = 16;
/** Messages that are larger are watched from the first. */
export const SMALL_MESSAGE_BYTES = 64 * 1024;
/** Words reserved for the first message of a type. */
export const FIRST_HINT_WORDS = 32;
/** A single huge message does not make every later one reserve as much. Chunks of 1 MiB are within. */
export const MAX_HINT_WORDS = 160 * 1024;
/** A frame's segment table, of one segment. */
export const TABLE_BYTES = 8;
/** The largest segment table there can be. */
export const MAX_TABLE_BYTES = 2056;
/** 64 MiB: as large as a message may be by default. */
export const DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024;
