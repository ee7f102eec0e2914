/**
 * Every option's codec. An input is the option's code and its value. What decodes encodes to octets that decode to the
 * same, configuration can say every value, and text for logs is one line of visible characters.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { configuredValue } from "../../../src/convert/config/options.ts";
import { formatOption, OPTIONS, type OptionSpec } from "../../../src/dhcp/options/mod.ts";
import { parseOptionValue } from "../../../src/dhcp/options/configure.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const SPECS: readonly OptionSpec[] = Object.values(OPTIONS) as readonly OptionSpec[];
const BY_CODE = new Map(SPECS.map((spec) => [spec.code, spec]));
const octets = new Octets(1_024);

/** Values with the insides of names, routes, sub-options and text. */
export const OPTION_CORPUS: readonly Uint8Array[] = [
  Uint8Array.of(7, 101, 120, 97, 109, 112, 108, 101, 3, 110, 101, 116, 0, 3, 119, 119, 119, 192, 0),
  Uint8Array.of(24, 10, 77, 1, 10, 77, 0, 1, 0, 10, 77, 0, 254, 32, 192, 0, 2, 1, 0, 0, 0, 0),
  Uint8Array.of(1, 4, 108, 97, 110, 48, 2, 6, 2, 0, 0, 0, 0, 153, 5, 4, 10, 77, 0, 0),
  Uint8Array.of(0, 10, 77, 0, 1, 10, 77, 0, 2, 10, 77, 0, 3),
  Uint8Array.of(0, 0, 0, 4, 104, 111, 115, 116, 0),
  Uint8Array.of(226, 128, 174, 27, 91, 51, 49, 109, 10, 61, 49, 0, 255),
  Uint8Array.of(0, 0, 13, 233, 5, 1, 3, 97, 98, 99, 0, 0, 0, 9, 2, 1, 0),
];

function check(input: Uint8Array): string {
  const spec = BY_CODE.get(input[0] ?? 0);
  if (spec === undefined) return "no such option";
  const value = input.subarray(1);
  const text = formatOption(spec, value);
  must(!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), "text of an option must be one line without controls");
  const read = spec.codec.decode(value, spec.code);
  if (read.kind === "malformed") {
    must(read.error.offset >= 0 && read.error.offset <= value.length, "an error must lie inside the value");
    return "malformed";
  }
  const written = spec.codec.encode(read.value);
  const again = spec.codec.decode(written, spec.code);
  must(again.kind === "present", `what ${spec.name} encodes must decode`);
  must(spec.codec.format(again.value) === text, `${spec.name} must keep its value`);
  must(equalBytes(spec.codec.encode(again.value), written), `encoding ${spec.name} must be stable`);
  if (spec.reserved !== undefined) return "present";
  const configured = configuredValue(spec, value);
  must(configured !== undefined, `configuration must be able to say every value of ${spec.name}`);
  const parsed = parseOptionValue(spec, configured);
  must(parsed.ok && equalBytes(parsed.bytes, value), `configuration must give ${spec.name} its octets`);
  return typeof configured === "string" && configured.startsWith("0x") ? "hexadecimal" : "configurable";
}

export const options: Surface = {
  name: "options",
  weight: 12,
  quick: 80_000,
  labels: ["malformed", "present", "configurable", "hexadecimal"],
  compose(dice) {
    octets.length = 0;
    octets.put(dice.pick(SPECS).code);
    if (dice.once(2)) octets.append(dice.pick(OPTION_CORPUS));
    else octets.randomise(dice, dice.once(2) ? 4 * dice.roll(6) : dice.size(512));
    for (let count = dice.roll(4); count > 0; count--) {
      const [code = 0] = octets.bytes;
      octets.mutate(dice, dice.pick(OPTION_CORPUS), 1);
      octets.bytes[0] = code;
      octets.length = Math.max(1, octets.length);
    }
    return octets.view();
  },
  check,
};
