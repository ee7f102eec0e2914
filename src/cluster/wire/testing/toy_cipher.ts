/**
 * A cipher for tests and the simulator that hides nothing: it notices another key, nonce or authenticated data, and a
 * change of the content's length or of its first octets.
 */

import type { Cipher } from "../seal.ts";
import { TAG_BYTES } from "../seal.ts";

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;
const LOOKED_AT = 8;
/** Of the tag; the others are zero. */
const TAG_OCTETS = 4;

/** FNV-1a over the first octets. */
function hash(seed: number, bytes: Uint8Array, octetsMax = Infinity): number {
  const end = Math.min(bytes.length, octetsMax);
  let value = seed;
  for (let at = 0; at < end; at++) value = Math.imul(value ^ (bytes[at] as number), PRIME);
  return value >>> 0;
}

function tag(key: Uint8Array, nonce: Uint8Array, authenticated: Uint8Array, plain: Uint8Array): number {
  const seed = hash(OFFSET_BASIS ^ plain.length, key, LOOKED_AT);
  return hash(hash(hash(seed, nonce), authenticated), plain, LOOKED_AT);
}

export const toyCipher: Cipher = {
  mac(key, data) {
    const words = new Uint32Array(8);
    let value = hash(hash(OFFSET_BASIS, key), data);
    for (let at = 0; at < words.length; at++) words[at] = value = Math.imul(value ^ (value >>> 15), PRIME) + at;
    return new Uint8Array(words.buffer);
  },

  encrypt(key, nonce, authenticated, plain, into) {
    into.set(plain);
    const value = tag(key, nonce, authenticated, plain);
    for (let octet = 0; octet < TAG_OCTETS; octet++) into[plain.length + octet] = value >>> (8 * octet);
  },

  decrypt(key, nonce, authenticated, sealed) {
    const length = sealed.length - TAG_BYTES;
    const plain = sealed.slice(0, length);
    const value = tag(key, nonce, authenticated, plain);
    for (let octet = 0; octet < TAG_OCTETS; octet++) {
      if (sealed[length + octet] !== ((value >>> (8 * octet)) & 0xff)) return undefined;
    }
    return plain;
  },
};
