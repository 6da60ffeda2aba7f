/** Says of a message why it is refused, and what may be behind it: the bytes of a packed one seem to begin with an absurd segment table. */
export function withAdvice(reason: string, isPacked: boolean | undefined): string {
  return isPacked || !/^the segment table claims \d+ segments/.test(reason) ? reason : `${reason}; if it is packed, say { packed: true }`;
}
