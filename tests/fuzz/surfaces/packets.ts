/** DHCP datagrams that are nearly right: the corpus of real packets, mutated where it hurts. */

import { AT } from "../../../src/dhcp/layout.ts";
import { PACKETS } from "../../../src/dhcp/packets_test_data.ts";
import type { Dice } from "../dice.ts";
import type { Octets } from "../octets.ts";

/** Overload in both fields, parts of one option in all three, padding in between. */
function overloadedPacket(): Uint8Array {
  const bytes = PACKETS.ack.slice();
  bytes.set([52, 1, 3, 53, 1, 5, 0, 0, 12, 2, 97, 98, 255], AT.options);
  bytes.set([12, 2, 99, 100, 0, 67, 3, 97, 98, 99, 255], AT.file);
  bytes.set([12, 2, 101, 102, 66, 1, 97, 255], AT.sname);
  return bytes;
}

/** Real packets of clients, servers and relays. */
export const PACKET_CORPUS: readonly Uint8Array[] = [...Object.values(PACKETS), overloadedPacket()];

const COOKIE = [0x63, 0x82, 0x53, 0x63];

/** Writes a datagram: a mutated packet, a header with options of any code, or noise. */
export function composePacket(dice: Dice, octets: Octets, corpus: readonly Uint8Array[] = PACKET_CORPUS): void {
  const kind = dice.roll(16);
  if (kind === 0) {
    octets.length = 0;
    octets.randomise(dice, dice.roll(600));
    return;
  }
  const base = dice.pick(corpus);
  octets.set(base);
  if (kind <= 5) {
    octets.length = Math.min(base.length, AT.cookie);
    for (const octet of COOKIE) octets.put(octet);
    octets.put(53).put(1).put(1 + dice.roll(8));
    for (let count = dice.size(40); count > 0; count--) composeOption(dice, octets);
    if (!dice.once(4)) octets.put(255);
  }
  for (let count = dice.roll(6); count > 0; count--) {
    if (dice.once(12)) octets.splice(AT.options, 0, Uint8Array.of(52, 1, dice.roll(5)));
    else octets.mutate(dice, dice.pick(corpus), AT.options);
  }
}

/** An option of any code, nearly always with the length that it has. */
function composeOption(dice: Dice, octets: Octets): void {
  const size = dice.once(4) ? dice.roll(256) : dice.roll(12);
  octets.put(dice.once(4) ? dice.pick(RELATED) : dice.roll(256));
  octets.put(dice.once(24) ? dice.roll(256) : size);
  octets.randomise(dice, size);
}

/** Options that the server or the relay reads. */
const RELATED = [12, 50, 51, 52, 53, 54, 55, 57, 60, 61, 77, 80, 81, 82, 93, 118, 119, 120, 121, 255, 0];
