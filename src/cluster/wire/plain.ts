/**
 * The CBOR subset (RFC 8949) that reaches the decoder: whole numbers, doubles, byte and text strings, true, false,
 * null, and arrays of definite length, a few levels deep. Maps, tags, indefinite lengths and all else that makes a
 * general decoder build objects or run extensions is refused beforehand, in one pass that allocates nothing.
 *
 * What the values have to be is checked after decoding, in `codec.ts`.
 */

/** A message has lists, of records, of versions, of three numbers. */
const DEPTH_MAX = 6;

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, simple: 7 } as const;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const DOUBLE = 0xfb;

/** Items still to come in each array around the current one. Never in use across calls. */
const outer = new Float64Array(DEPTH_MAX);

/** Whether `bytes` from `start` to the end are exactly one item of that subset. */
export function isPlainCbor(bytes: Uint8Array, start: number): boolean {
  const length = bytes.length;
  let at = start;
  let depth = 0;
  let items = 1;
  for (;;) {
    while (items === 0) {
      if (depth === 0) return at === length;
      items = outer[--depth] as number;
    }
    items--;
    if (at >= length) return false;
    const head = bytes[at++] as number;
    const major = head >> 5;
    if (major === MAJOR.simple) {
      if (head === DOUBLE) at += 8;
      else if (head !== FALSE && head !== TRUE && head !== NULL) return false;
      if (at > length) return false;
      continue;
    }
    let value = head & 31;
    if (value >= 24) {
      if (value > 27) return false;
      const octets = 1 << (value - 24);
      if (octets > length - at) return false;
      value = 0;
      for (let index = 0; index < octets; index++) value = value * 256 + (bytes[at++] as number);
    }
    switch (major) {
      case MAJOR.unsigned:
      case MAJOR.negative:
        break;
      case MAJOR.bytes:
      case MAJOR.text:
        if (value > length - at) return false;
        at += value;
        break;
      case MAJOR.array:
        // An item takes at least one octet.
        if (value > length - at || depth === DEPTH_MAX) return false;
        outer[depth++] = items;
        items = value;
        break;
      default:
        return false;
    }
  }
}
