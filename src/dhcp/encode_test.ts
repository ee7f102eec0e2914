import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import type { Message } from "./message.ts";
import { PACKETS } from "./packets_test_data.ts";
import { octets } from "./options/testing.ts";

const NOTHING = new Uint8Array(0);

function message(options: [code: number, value: Uint8Array][], rest: Partial<Message> = {}): Message {
  return {
    op: 2,
    htype: 1,
    hops: 0,
    xid: 0x12345678,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0x0a4d0105,
    siaddr: 0,
    giaddr: 0,
    chaddr: octets("020000000001"),
    sname: NOTHING,
    file: NOTHING,
    options: new Map(options),
    ...rest,
  };
}

function decoded(bytes: Uint8Array): Message {
  const result = decode(bytes);
  if (!result.ok) throw new Error(`Refused: ${JSON.stringify(result.error)}`);
  return result.value;
}

const TYPE: [number, Uint8Array] = [53, Uint8Array.of(5)];

/** `length` octets that differ from those of other codes. */
const filled = (code: number, length: number): [number, Uint8Array] => [
  code,
  Uint8Array.from({ length }, (_, index) => (code * 31 + index) & 255),
];

Deno.test("encode() gives back, octet for octet, what real clients and servers sent", () => {
  for (const [name, packet] of Object.entries(PACKETS)) {
    const { bytes, omitted } = encode(decoded(packet));
    strictEqual(omitted.length, 0);
    // How much they pad beyond 300 octets is their own affair.
    deepStrictEqual(bytes, packet.slice(0, bytes.length), name);
    ok(packet.subarray(bytes.length).every((octet) => octet === 0), name);
  }
});

Deno.test("encode() pads to the 300 octets of BOOTP", () => {
  const { bytes } = encode(message([TYPE]));
  strictEqual(bytes.length, 300);
  deepStrictEqual(bytes.subarray(236, 245), octets("63825363 350105 ff 00"));
});

Deno.test("encode() keeps the order of the options, and puts option 82 behind them (RFC 3046 §2.1)", () => {
  const { bytes } = encode(message([[82, octets("0101aa")], [12, octets("61")], TYPE]));
  deepStrictEqual(bytes.subarray(240, 253), octets("0c0161 350105 5203 0101aa ff 00"));
});

Deno.test("encode() splits values of more than 255 octets (RFC 3396)", () => {
  for (
    const [length, parts] of [[0, [0]], [255, [255]], [256, [255, 1]], [510, [255, 255]], [511, [255, 255, 1]]] as const
  ) {
    const { bytes } = encode(message([TYPE, filled(43, length)]), { bytesMax: 1472 });
    let offset = 243;
    for (const part of parts) {
      deepStrictEqual([bytes[offset], bytes[offset + 1]], [43, part]);
      offset += 2 + part;
    }
    strictEqual(bytes[offset], 255);
    deepStrictEqual(decoded(bytes).options.get(43), filled(43, length)[1]);
  }
});

Deno.test("encode() does without overload as long as it can", () => {
  // 548 - 240 - End - option 53: 304 octets of options are left.
  const fits = encode(message([TYPE, filled(43, 250), filled(60, 50)]));
  strictEqual(fits.bytes.length, 548);
  strictEqual(decoded(fits.bytes).options.size, 3);
  strictEqual(fits.bytes.subarray(44, 236).every((octet) => octet === 0), true);
});

Deno.test("encode() overloads file first, then sname, when the options field is full", () => {
  const options = [TYPE, filled(43, 250), filled(60, 100), filled(12, 45)];
  const { bytes, omitted } = encode(message(options));
  deepStrictEqual(omitted, []);
  deepStrictEqual(bytes.subarray(240, 243), octets("340101"), "option 52 leads");
  deepStrictEqual(bytes.subarray(108, 110), Uint8Array.of(60, 100));
  strictEqual(bytes[108 + 102], 255, "End in file");
  deepStrictEqual(new Map(decoded(bytes).options), new Map(options));

  const both = encode(message([...options, filled(17, 55)]));
  deepStrictEqual(both.bytes.subarray(240, 243), octets("340103"));
  deepStrictEqual(both.bytes.subarray(44, 46), Uint8Array.of(17, 55));
  strictEqual(both.bytes[44 + 57], 255, "End in sname");
  strictEqual(decoded(both.bytes).options.size, 5);
});

Deno.test("encode() leaves file and sname alone when they are in use", () => {
  const file = octets("626f6f74");
  const { bytes, omitted } = encode(message([TYPE, filled(43, 250), filled(60, 100), filled(12, 40)], { file }));
  deepStrictEqual(omitted, [60]);
  deepStrictEqual(decoded(bytes).file, file);
  strictEqual(decoded(bytes).options.size, 3);
});

Deno.test("encode() keeps what makes a reply a reply, whatever else there is and in whatever order", () => {
  const essential = [filled(61, 255), filled(51, 4), filled(54, 4), TYPE];
  const others = Array.from({ length: 20 }, (_, index) => filled(130 + index, 60));
  const relayed = filled(82, 200);
  const { bytes, omitted } = encode(message([...others, relayed, ...essential]));
  const result = decoded(bytes);
  for (const [code, value] of [...essential, relayed]) {
    deepStrictEqual(result.options.get(code), value, `option ${code}`);
  }
  strictEqual([...result.options.keys()].length + omitted.length, 25);
  deepStrictEqual(omitted, [...omitted].sort((a, b) => a - b), "from the end of the order of preference");
  ok(bytes.length <= 548 + 202);
  // RFC 3046 §2.1: last in the options field, where relays look for it.
  deepStrictEqual(bytes.subarray(bytes.length - 203, bytes.length - 201), Uint8Array.of(82, 200));
});

Deno.test("encode() lets smaller options pass one that is too large", () => {
  const options = [TYPE, filled(43, 200), filled(60, 200), filled(3, 4), filled(6, 8)];
  const { bytes, omitted } = encode(message(options));
  deepStrictEqual(omitted, [60]);
  deepStrictEqual([...decoded(bytes).options.keys()], [53, 43, 3, 6]);
});

Deno.test("encode() spreads a long option over the fields, and never a short one", () => {
  const long = filled(43, 440);
  const { bytes, omitted } = encode(message([TYPE, long]));
  deepStrictEqual(omitted, []);
  deepStrictEqual(decoded(bytes).options.get(43), long[1]);
  strictEqual(encode(message([TYPE, filled(43, 490)])).omitted[0], 43, "more than all the fields together");
});

Deno.test("encode() uses what the client takes, and at least what every client must", () => {
  const options = [TYPE, filled(43, 250), filled(60, 250)];
  strictEqual(encode(message(options), { bytesMax: 1472 }).bytes.length, 240 + 3 + 252 + 252 + 1);
  deepStrictEqual(encode(message(options), { bytesMax: 100 }).omitted, [60]);
});

Deno.test("encode() never hands out the same octets twice", () => {
  const first = encode(message([TYPE]));
  const before = first.bytes.slice();
  for (let index = 0; index < 1000; index++) encode(message([TYPE, filled(43, 255)]), { bytesMax: 1472 });
  deepStrictEqual(first.bytes, before);
});

Deno.test("encode() throws on what no datagram can express", () => {
  throws(() => encode(message([TYPE], { chaddr: new Uint8Array(17) })), RangeError);
  throws(() => encode(message([TYPE], { sname: new Uint8Array(65) })), RangeError);
  throws(() => encode(message([TYPE], { file: new Uint8Array(129) })), RangeError);
  for (const code of [0, 52, 255, 256, -1]) throws(() => encode(message([TYPE, [code, NOTHING]])), RangeError);
});
