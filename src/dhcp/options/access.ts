/** Reading and writing the typed values of a message's options. */

import type { Ipv4 } from "../../net/ipv4.ts";
import type { Options } from "../message.ts";
import type { OptionRead } from "./codec.ts";
import type { OptionSpec } from "./registry.ts";

const ABSENT = { kind: "absent" } as const;

/**
 * Reads one option. Absent is not malformed: what to do about the latter is the caller's decision. A malformed value's
 * `error.offset` counts from the start of the value.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { OPTIONS } from "./registry.ts";
 * const options = new Map([[51, Uint8Array.of(0, 0, 14, 16)], [54, Uint8Array.of(10, 77)]]);
 * deepStrictEqual(readOption(options, OPTIONS.addressLeaseTime), { kind: "present", value: 3600 });
 * deepStrictEqual(readOption(options, OPTIONS.routers), { kind: "absent" });
 * deepStrictEqual(readOption(options, OPTIONS.serverIdentifier), {
 *   kind: "malformed",
 *   error: { kind: "badLength", field: "option 54", offset: 0 },
 * });
 * ```
 */
export function readOption<T>(options: Options, spec: OptionSpec<T>): OptionRead<T> {
  const bytes = options.get(spec.code);
  return bytes === undefined ? ABSENT : spec.codec.decode(bytes, spec.code);
}

/** Sets one option, at the end of the wire order when it is new. A value outside the option's type throws. */
export function writeOption<T>(options: Options, spec: OptionSpec<T>, value: NoInfer<T>): void {
  options.set(spec.code, spec.codec.encode(value));
}

/** The hosts that an option names by their addresses, such as routers and servers. */
export function hostsOf({ code, codec }: OptionSpec, bytes: Uint8Array): readonly Ipv4[] {
  const read = codec.decode(bytes, code);
  return read.kind === "present" ? codec.hosts?.(read.value) ?? [] : [];
}
