/** The value of option 82: what decodes encodes to octets that decode to the same, and an error lies inside it. */

import { equalBytes } from "../../../src/bytes/equal.ts";
import {
  decodeRelayAgentInformation,
  encodeRelayAgentInformation,
  relayAgentInformation as codec,
} from "../../../src/dhcp/relay_agent_information.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const octets = new Octets(1_024);
const CODES = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 151, 152, 0, 255];
/** As relays send it: ours, Cisco's, one with a subscriber. */
const CORPUS: readonly Uint8Array[] = [
  Uint8Array.of(1, 4, 108, 97, 110, 48, 2, 6, 2, 0, 0, 0, 0, 153, 5, 4, 10, 77, 0, 0, 11, 4, 10, 77, 0, 1, 10, 1, 0),
  Uint8Array.of(1, 6, 0, 4, 0, 10, 1, 3, 2, 8, 0, 6, 0, 27, 84, 1, 2, 3),
  Uint8Array.of(6, 3, 65, 66, 67, 9, 7, 0, 0, 0, 9, 2, 1, 2, 12, 2, 1, 1),
];

function check(input: Uint8Array): string {
  const decoded = decodeRelayAgentInformation(input);
  if (!decoded.ok) {
    must(decoded.error.offset >= 0 && decoded.error.offset < input.length, "an error must lie inside the value");
    return decoded.error.kind;
  }
  const written = encodeRelayAgentInformation(decoded.value);
  must(written.length === firstOctets(input), "encoding must keep the first of each sub-option, and nothing else");
  const again = decodeRelayAgentInformation(written);
  must(again.ok, "what was encoded must decode");
  must(equalBytes(encodeRelayAgentInformation(again.value), written), "encoding must be stable");
  if (equalBytes(written, input)) return "the same";
  must(/^[\x20-\x7e]*$/.test(codec.format(decoded.value)), "its text must be printable");
  return "decoded";
}

const seen = new Uint8Array(256);

/** Octets of the sub-options without those that come again. */
function firstOctets(input: Uint8Array): number {
  seen.fill(0);
  let total = 0;
  for (let at = 0; at < input.length;) {
    const code = input[at] as number;
    const size = 2 + (input[at + 1] as number);
    if (seen[code] === 0) total += size;
    seen[code] = 1;
    at += size;
  }
  return total;
}

export const relayInformation: Surface = {
  name: "relay-information",
  weight: 15,
  quick: 150_000,
  labels: ["the same", "decoded", "truncated", "badLength"],
  compose(dice) {
    octets.length = 0;
    if (dice.once(2)) octets.append(dice.pick(CORPUS));
    else {
      for (let count = dice.roll(8); count > 0; count--) {
        const size = dice.once(2) ? 4 : dice.size(255);
        octets.put(dice.once(6) ? dice.roll(256) : dice.pick(CODES)).put(size).randomise(dice, size);
      }
    }
    for (let count = dice.roll(4); count > 0; count--) octets.mutate(dice, dice.pick(CORPUS));
    return octets.view();
  },
  check,
};
