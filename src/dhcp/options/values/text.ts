/** Text: NVT ASCII in the RFCs, UTF-8 in practice. */

import { assert } from "../../../assert.ts";
import { type Ipv4, parseIpv4 } from "../../../net/ipv4.ts";
import { escapeUnseen } from "../../../unseen.ts";
import { type Codec, malformed, present } from "../codec.ts";

const UTF8 = new TextEncoder();
// A byte order mark is a character like any other: what came in must be able to go out again.
const UTF8_LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

// deno-lint-ignore no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Text in quotes, every control character escaped: a client's host name must not be able to forge a log line. */
export function quote(text: string): string {
  return escapeUnseen(JSON.stringify(text));
}

/** Decodes UTF-8; what is none becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  // TextDecoder costs a call into native code: most values are a dozen ASCII characters.
  if (bytes.length > 32) return UTF8_LENIENT.decode(bytes);
  let value = "";
  for (let index = 0; index < bytes.length; index++) {
    const octet = bytes[index] as number;
    if (octet > 127) return UTF8_LENIENT.decode(bytes);
    value += String.fromCharCode(octet);
  }
  return value;
}

/** Encodes as UTF-8. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return UTF8.encode(text);
}

/** At least one character. */
export const text: Codec<string> = {
  shape: "text",
  wanted: "text without control characters; numbers and yes/no words need quotes",
  decode(bytes, code) {
    let length = bytes.length;
    // RFC 2132 §2: a receiver must be prepared to delete trailing NULs.
    while (length > 0 && bytes[length - 1] === 0) length--;
    if (length === 0) return malformed(code, "badLength");
    return present(decodeText(length === bytes.length ? bytes : bytes.subarray(0, length)));
  },
  encode(value) {
    assert(value.length > 0, "RFC 2132 §2: text options have at least one character");
    return encodeText(value);
  },
  parse: (input) =>
    typeof input === "string" && input.length > 0 && !CONTROL.test(input)
      ? { ok: true, value: input }
      : { ok: false, found: input },
  format: quote,
  hosts: addressIn,
};

/** The address that a text is, such as a TFTP server's: none or one. */
export function addressIn(text: string): readonly Ipv4[] {
  const address = parseIpv4(text);
  return address === undefined ? [] : [address];
}
