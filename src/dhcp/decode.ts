/**
 * Datagram to {@link Message} (RFC 2131 §2, RFC 2132 §2 and §9.3, RFC 3396 §7).
 *
 * Decides whether a datagram is a DHCP message, and joins the parts of options; the registry decodes option
 * values. Byte strings in the result are views of the datagram: copy what is kept for long.
 */

import { AT, END, FIELD_BYTES, MAGIC_COOKIE, OVERLOAD, OVERLOAD_FILE, OVERLOAD_SNAME, PAD } from "./layout.ts";
import { BOOTREPLY, BOOTREQUEST, type Decoded, type DecodeError, type Message, type Options } from "./message.ts";
import { ipv4At } from "./options/values/ipv4.ts";

const NOTHING = new Uint8Array(0);
const MESSAGE_TYPE_CODE = 53;

/**
 * Reads a datagram. Never throws, and reads nothing outside `bytes`.
 *
 * - A message without cookie or without option 53 is BOOTP (RFC 951) and gets an error kind of its own, unless `bootp`
 *   says that it is wanted. A cookie of zeros is an unused vendor area, hence BOOTP as well.
 * - The options field, `file` and `sname` are read in this order, and the parts of an option joined (RFC 3396 §7);
 *   option 52 itself has then done its work and is not in the result.
 * - Options without an End are accepted: they are unambiguous, and some senders omit it.
 * - Octets after End mean nothing (RFC 2132 §3.2).
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert/strict";
 * const decoded = decode(new Uint8Array(100));
 * strictEqual(decoded.ok, false);
 * strictEqual(!decoded.ok && decoded.error.kind, "truncated");
 * ```
 */
export function decode(bytes: Uint8Array, { bootp = false }: { readonly bootp?: boolean } = {}): Decoded<Message> {
  if (bytes.length < AT.cookie) return fail("truncated", fieldAt(bytes.length), bytes.length);
  const op = bytes[AT.op] as number;
  if (op !== BOOTREQUEST && op !== BOOTREPLY) return fail("badValue", "op", AT.op);
  const hlen = bytes[AT.hlen] as number;
  if (hlen > FIELD_BYTES.chaddr) return fail("badValue", "hlen", AT.hlen);
  const options: Options = new Map();
  if (bytes.length > AT.cookie && bytes.length < AT.options) return fail("truncated", "options", bytes.length);
  const cookie = bytes.length === AT.cookie ? 0 : ipv4At(bytes, AT.cookie);
  if (cookie !== MAGIC_COOKIE && (cookie !== 0 || !bootp)) {
    return fail(cookie === 0 ? "bootp" : "badCookie", "options", AT.cookie);
  }
  const walk = new Walk(bytes, options);
  const overload = cookie === MAGIC_COOKIE ? walk.optionsField() : 0;
  if (walk.error !== undefined) return { ok: false, error: walk.error };
  if (!bootp && !options.has(MESSAGE_TYPE_CODE)) return fail("bootp", "option 53", AT.options);
  return {
    ok: true,
    value: {
      op,
      htype: bytes[AT.htype] as number,
      hops: bytes[AT.hops] as number,
      xid: ipv4At(bytes, AT.xid),
      secs: ((bytes[AT.secs] as number) << 8) | (bytes[AT.secs + 1] as number),
      flags: ((bytes[AT.flags] as number) << 8) | (bytes[AT.flags + 1] as number),
      ciaddr: ipv4At(bytes, AT.ciaddr),
      yiaddr: ipv4At(bytes, AT.yiaddr),
      siaddr: ipv4At(bytes, AT.siaddr),
      giaddr: ipv4At(bytes, AT.giaddr),
      chaddr: view(bytes, AT.chaddr, hlen),
      sname: (overload & OVERLOAD_SNAME) === 0 ? untilNul(bytes, AT.sname, FIELD_BYTES.sname) : NOTHING,
      file: (overload & OVERLOAD_FILE) === 0 ? untilNul(bytes, AT.file, FIELD_BYTES.file) : NOTHING,
      options,
    },
  };
}

function fail(kind: DecodeError["kind"], field: string, offset: number): Decoded<never> {
  return { ok: false, error: { kind, field, offset } };
}

/** The fixed field in which a datagram of `length` octets ends. */
function fieldAt(length: number): string {
  let name = "op";
  for (const [field, offset] of Object.entries(AT)) {
    if (offset <= length) name = field;
  }
  return name;
}

// Several times cheaper than subarray(), which consults the species constructor.
function view(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return length === 0 ? NOTHING : new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
}

function untilNul(bytes: Uint8Array, offset: number, bytesMax: number): Uint8Array {
  let length = 0;
  while (length < bytesMax && bytes[offset + length] !== 0) length++;
  return view(bytes, offset, length);
}

/** One pass over the fields that carry options. */
class Walk {
  error: DecodeError | undefined;
  readonly #bytes: Uint8Array;
  readonly #options: Options;
  /** The parts of each option that came in several; most messages have none. */
  #parts: Map<number, Uint8Array[]> | undefined;

  constructor(bytes: Uint8Array, options: Options) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /** Reads the options field and the fields that option 52 names; returns the value of option 52, or 0. */
  optionsField(): number {
    this.#field(AT.options, this.#bytes.length);
    let overload = 0;
    if (this.error === undefined && this.#options.has(OVERLOAD)) {
      overload = this.#takeOverload();
      // RFC 3396 §5: the aggregate is the options field, then file, then sname.
      if ((overload & OVERLOAD_FILE) !== 0) this.#field(AT.file, AT.file + FIELD_BYTES.file);
      if ((overload & OVERLOAD_SNAME) !== 0) this.#field(AT.sname, AT.sname + FIELD_BYTES.sname);
      // RFC 2132 §9.3 knows option 52 in the options field only.
      this.#options.delete(OVERLOAD);
      this.#parts?.delete(OVERLOAD);
    }
    if (this.error === undefined && this.#parts !== undefined) this.#join(this.#parts);
    return overload;
  }

  #field(start: number, end: number): void {
    const bytes = this.#bytes;
    const options = this.#options;
    let offset = start;
    while (this.error === undefined && offset < end) {
      const code = bytes[offset] as number;
      if (code === END) return;
      if (code === PAD) {
        offset++;
        continue;
      }
      const valueAt = offset + 2;
      const next = valueAt <= end ? valueAt + (bytes[offset + 1] as number) : Infinity;
      if (next > end) {
        this.error = { kind: "truncated", field: `option ${code}`, offset };
        return;
      }
      const value = view(bytes, valueAt, next - valueAt);
      const earlier = options.get(code);
      if (earlier === undefined) options.set(code, value);
      else this.#addPart(code, earlier, value);
      offset = next;
    }
  }

  #addPart(code: number, first: Uint8Array, part: Uint8Array): void {
    this.#parts ??= new Map();
    const parts = this.#parts.get(code);
    if (parts === undefined) this.#parts.set(code, [first, part]);
    else parts.push(part);
  }

  // All at the end and each octet once: a datagram of two-octet parts must not cost the square of its size.
  #join(partsByCode: Map<number, Uint8Array[]>): void {
    for (const [code, parts] of partsByCode) {
      let length = 0;
      for (const part of parts) length += part.length;
      const whole = new Uint8Array(length);
      let offset = 0;
      for (const part of parts) {
        whole.set(part, offset);
        offset += part.length;
      }
      this.#options.set(code, whole);
    }
  }

  #takeOverload(): number {
    const value = this.#options.get(OVERLOAD) ?? NOTHING;
    const overload = value[0] ?? 0;
    if (value.length !== 1 || this.#parts?.has(OVERLOAD) === true) this.#overloadError("badLength");
    else if (overload < 1 || overload > 3) this.#overloadError("badValue");
    return overload;
  }

  #overloadError(kind: "badLength" | "badValue"): void {
    this.error = { kind, field: `option ${OVERLOAD}`, offset: this.#offsetOf(OVERLOAD) };
  }

  /** Where an option that was read already starts; only errors need to know. */
  #offsetOf(code: number): number {
    const bytes = this.#bytes;
    let offset: number = AT.options;
    while (offset < bytes.length && bytes[offset] !== code) {
      offset += bytes[offset] === PAD ? 1 : 2 + (bytes[offset + 1] as number);
    }
    return offset;
  }
}
