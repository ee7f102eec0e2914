/**
 * HalfSipHash-2-4 with 32 bits of output (Aumasson and Bernstein, SipHash): a keyed hash that costs some hundred
 * nanoseconds. It tells what may be worth opening from what was certainly sealed without the key; 32 bits prove no
 * more.
 */

const ROUNDS = 2;
const LAST_ROUNDS = 4;

/**
 * The hash of 32-bit words.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * // The reference's vector for the octets 0 to 3 and a key of the octets 0 to 7, in little-endian words.
 * strictEqual(halfSipHash([0x03020100, 0x07060504], [0x03020100]), 0x89466e2a);
 * ```
 */
export function halfSipHash(key: readonly [number, number], words: ArrayLike<number>): number {
  let v0 = key[0];
  let v1 = key[1];
  let v2 = 0x6c796765 ^ key[0];
  let v3 = 0x74656462 ^ key[1];
  const count = words.length;
  for (let at = 0; at <= count + 1; at++) {
    // After the words comes their length, and then the end.
    const word = at < count ? words[at] as number : at === count ? (4 * count) << 24 : 0;
    const isEnd = at > count;
    if (isEnd) v2 ^= 0xff;
    else v3 ^= word;
    for (let round = isEnd ? LAST_ROUNDS : ROUNDS; round > 0; round--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    if (!isEnd) v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}
