import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { octets } from "./options/testing.ts";
import { PACKETS } from "./packets_test_data.ts";
import {
  appendRelayAgentInformation,
  type PatchFault,
  readRelayAgentInformation,
  relayAgentInformationIn,
  removeRelayAgentInformation,
  scanOptions,
} from "./relay_agent.ts";

const INFORMATION = octets("0104 6c616e30 0504 0a4d0000");
const PATCH = { giaddr: 0x0a4d0001, hops: 1, information: INFORMATION };

function bytesOf(result: Uint8Array | PatchFault): Uint8Array {
  if (typeof result === "string") throw new Error(`Refused: ${result}`);
  return result;
}

/** A message with this options field. */
function datagram(options: string): Uint8Array {
  const field = octets(options);
  const bytes = new Uint8Array(240 + field.length);
  bytes.set([1, 1, 6]);
  bytes.set([0x63, 0x82, 0x53, 0x63], 236);
  bytes.set(field, 240);
  return bytes;
}

const optionsOf = (bytes: Uint8Array): Uint8Array => bytes.slice(240);

Deno.test("append: giaddr, hops and option 82 before End change; nothing else does", () => {
  const before = PACKETS.udhcpcDiscover;
  const end = before.lastIndexOf(0xff);
  const after = bytesOf(appendRelayAgentInformation(before, PATCH));
  const expected = new Uint8Array(300);
  expected.set(before.subarray(0, end));
  expected[3] = 1;
  expected.set(octets("0a4d0001"), 24);
  expected.set(octets("520c 0104 6c616e30 0504 0a4d0000 ff"), end);
  deepStrictEqual(after, expected);
});

Deno.test("append: the packets of all clients decode to what they were, and option 82", () => {
  for (const [name, packet] of Object.entries(PACKETS)) {
    const original = decode(packet);
    if (!original.ok) throw new Error("The packets are well formed");
    if (original.value.options.has(82)) continue;
    const patched = decode(bytesOf(appendRelayAgentInformation(packet, PATCH)));
    const options = new Map(original.value.options).set(82, INFORMATION);
    deepStrictEqual(patched, { ok: true, value: { ...original.value, giaddr: 0x0a4d0001, hops: 1, options } }, name);
  }
});

Deno.test("append: extends an existing option 82 only when asked to", () => {
  const before = datagram("350101 5203 010109 ff");
  strictEqual(appendRelayAgentInformation(before, PATCH), "alreadyPresent");
  const joined = bytesOf(appendRelayAgentInformation(before, { ...PATCH, join: true }));
  deepStrictEqual(optionsOf(joined), octets("350101 5203 010109 520c 0104 6c616e30 0504 0a4d0000 ff"));
  deepStrictEqual(relayAgentInformationIn(joined), {
    kind: "present",
    value: octets("010109 0104 6c616e30 0504 0a4d0000"),
  });
});

Deno.test("append and remove: a reused buffer gives the same result, without stale bytes", () => {
  const room = new Uint8Array(600).fill(0xaa);
  const before = datagram("350101 ff 0000");
  const appended = bytesOf(appendRelayAgentInformation(before, { ...PATCH, into: room }));
  strictEqual(appended.buffer, room.buffer);
  deepStrictEqual(appended, bytesOf(appendRelayAgentInformation(before, PATCH)));
  const small = bytesOf(appendRelayAgentInformation(before, { ...PATCH, into: new Uint8Array(20) }));
  deepStrictEqual(small, appended);
  const removed = removeRelayAgentInformation(appended, new Uint8Array(600).fill(0xbb));
  deepStrictEqual(removed, removeRelayAgentInformation(appended));
});

Deno.test("append: padding gives way before the message grows", () => {
  const patch = { giaddr: 0, hops: 0, information: octets("0100") };
  const append = (options: string) => optionsOf(bytesOf(appendRelayAgentInformation(datagram(options), patch)));
  deepStrictEqual(append("350101 ff 000000000000"), octets("350101 5202 0100 ff 0000"));
  deepStrictEqual(append("350101 ff"), octets("350101 5202 0100 ff"));
  deepStrictEqual(append("350101 000000 ff"), octets("350101 5202 0100 ff"), "pads before End");
  deepStrictEqual(append("350101"), octets("350101 5202 0100 ff"), "End missing");
  deepStrictEqual(append("350101 0000"), octets("350101 5202 0100 ff"), "End missing, pads");
});

Deno.test("append: a long value takes two options", () => {
  const information = new Uint8Array(300).fill(7);
  const after = bytesOf(appendRelayAgentInformation(datagram("350101ff"), { ...PATCH, information }));
  strictEqual(after.length, 240 + 3 + 257 + 47 + 1);
  const decoded = decode(after);
  deepStrictEqual(decoded.ok && decoded.value.options.get(82), information);
});

Deno.test("append: without information only the header changes", () => {
  const before = PACKETS.relayedDiscover;
  const after = bytesOf(appendRelayAgentInformation(before, { giaddr: 0x0a4d0001, hops: 2 }));
  const expected = before.slice();
  expected[3] = 2;
  deepStrictEqual(after, expected);
});

Deno.test("append: says why it does not", () => {
  strictEqual(appendRelayAgentInformation(PACKETS.relayedDiscover, PATCH), "alreadyPresent");
  strictEqual(appendRelayAgentInformation(datagram("350101 0c05 61"), PATCH), "malformed");
  strictEqual(appendRelayAgentInformation(new Uint8Array(300), PATCH), "malformed");
  strictEqual(appendRelayAgentInformation(new Uint8Array(239), PATCH), "malformed");
  const full = datagram("350101 ff");
  strictEqual(bytesOf(appendRelayAgentInformation(full, { ...PATCH, bytesMax: 258 })).length, 258);
  strictEqual(appendRelayAgentInformation(full, { ...PATCH, bytesMax: 257 }), "tooLong");
  strictEqual(appendRelayAgentInformation(new Uint8Array(1473).fill(0), PATCH), "malformed");
});

Deno.test("append: never touches its argument", () => {
  const before = PACKETS.udhcpcDiscover.slice();
  appendRelayAgentInformation(before, PATCH);
  deepStrictEqual(before, PACKETS.udhcpcDiscover);
});

Deno.test("remove: wherever it stands and in however many parts", () => {
  const remove = (options: string) => optionsOf(bytesOf(removeRelayAgentInformation(datagram(options))));
  deepStrictEqual(remove("350102 5202 0100 ff"), octets("350102 ff 00000000"));
  deepStrictEqual(remove("5202 0100 350102 ff"), octets("350102 ff 00000000"));
  deepStrictEqual(
    remove("5201 01 00 350102 00 5201 00 0c0161 ff 0000"),
    octets("00 350102 00 0c0161 ff 0000 000000000000"),
  );
  deepStrictEqual(remove("350102 5200"), octets("350102 0000"), "End missing");
});

Deno.test("remove: keeps the 300 octets of BOOTP and gives back the rest", () => {
  const long = datagram("350102" + "5232" + "00".repeat(50) + "2b32" + "61".repeat(50) + "ff");
  strictEqual(long.length, 348);
  strictEqual(bytesOf(removeRelayAgentInformation(long)).length, 300);
  strictEqual(bytesOf(removeRelayAgentInformation(PACKETS.relayedDiscover)).length, 300);
});

Deno.test("remove: a reply without option 82 comes back itself", () => {
  strictEqual(removeRelayAgentInformation(PACKETS.ack), PACKETS.ack);
  strictEqual(removeRelayAgentInformation(datagram("350101 52")), "malformed");
});

Deno.test("remove: file and sname are left alone even when overloaded (RFC 3046 §2.1)", () => {
  const bytes = datagram("340101 350102 5200 ff");
  bytes.set(octets("0c01aa ff"), 108);
  const after = bytesOf(removeRelayAgentInformation(bytes));
  deepStrictEqual(after.subarray(108, 112), octets("0c01aa ff"));
  deepStrictEqual(optionsOf(after), octets("340101 350102 ff 0000"));
});

Deno.test("scan: option 82 in file or sname is where a server reads it and no relay removes it", () => {
  for (const at of [44, 108]) {
    const bytes = datagram("340103 350101 ff");
    bytes.set(octets("00 0c01aa 5201aa ff"), at);
    strictEqual(scanOptions(bytes).wellFormed, false);
    strictEqual(removeRelayAgentInformation(bytes), "malformed");
    strictEqual(appendRelayAgentInformation(bytes, { giaddr: 1, hops: 1, information: octets("0100") }), "malformed");
    // What is behind End, and what no option 52 points to, is no option.
    bytes.set(octets("0c01aa ff 5201aa"), at);
    strictEqual(scanOptions(bytes).wellFormed, true);
    const plain = datagram("350101 ff");
    plain.set(octets("5201aa ff"), at);
    strictEqual(scanOptions(plain).wellFormed, true);
  }
});

Deno.test("read: absent, present, in parts, malformed", () => {
  deepStrictEqual(readRelayAgentInformation(PACKETS.ack), { kind: "absent" });
  deepStrictEqual(readRelayAgentInformation(PACKETS.relayedDiscover), {
    kind: "present",
    value: {
      circuitId: octets("6c616e30"),
      remoteId: octets("020000000099"),
      linkSelection: 0x0a4d0000,
      serverIdentifierOverride: 0x0a4d0001,
    },
  });
  deepStrictEqual(readRelayAgentInformation(datagram("5203 010261 350101 5201 62 ff")), {
    kind: "present",
    value: { circuitId: octets("6162") },
  });
  strictEqual(readRelayAgentInformation(datagram("5203 010561 ff")).kind, "malformed");
  strictEqual(readRelayAgentInformation(datagram("52")).kind, "malformed");
  strictEqual(readRelayAgentInformation(new Uint8Array(10)).kind, "malformed");
});

Deno.test("remove undoes append on arbitrary messages", () => {
  const option = fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 30 }));
  fc.assert(fc.property(fc.array(option, { maxLength: 12 }), fc.nat({ max: 90 }), fc.boolean(), (list, pads, ends) => {
    const octetsOf = list.filter(([code]) => code !== 82).flatMap(([code, value]) => [code, value.length, ...value]);
    const before = new Uint8Array(240 + octetsOf.length + (ends ? 1 : 0) + pads);
    before.set([1, 1, 6]);
    before.set([0x63, 0x82, 0x53, 0x63], 236);
    before.set([...octetsOf, ...(ends ? [255] : [])], 240);
    const appended = bytesOf(appendRelayAgentInformation(before, { giaddr: 0, hops: 0, information: INFORMATION }));
    ok(appended.length >= before.length);
    const after = bytesOf(removeRelayAgentInformation(appended));
    deepStrictEqual(after.subarray(0, 240 + octetsOf.length), before.subarray(0, 240 + octetsOf.length));
    strictEqual(after[240 + octetsOf.length], 255);
    ok(after.subarray(240 + octetsOf.length + 1).every((octet) => octet === 0));
  }));
});

Deno.test("patches agree with the codec, and look at nothing outside the datagram", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60, max: 90 }), (tail) => {
    const surrounded = new Uint8Array(1000).fill(82);
    surrounded.set([1, 1, 6], 100);
    surrounded.fill(0, 103, 336);
    surrounded.set([0x63, 0x82, 0x53, 0x63], 336);
    surrounded.set([53, 1, 1, ...tail], 340);
    const inside = surrounded.subarray(100, 343 + tail.length);
    const alone = inside.slice();
    deepStrictEqual(appendRelayAgentInformation(inside, PATCH), appendRelayAgentInformation(alone, PATCH));
    deepStrictEqual(removeRelayAgentInformation(inside), removeRelayAgentInformation(alone));
    deepStrictEqual(readRelayAgentInformation(inside), readRelayAgentInformation(alone));
    const decoded = decode(alone);
    if (!decoded.ok || [...tail].includes(52)) return;
    const { options } = decoded.value;
    strictEqual(readRelayAgentInformation(alone).kind === "absent", !options.has(82));
    const removed = decode(bytesOf(removeRelayAgentInformation(alone)));
    options.delete(82);
    deepStrictEqual(removed.ok && removed.value.options, options);
    ok(encode(decoded.value).bytes.length >= 300);
  }));
});
