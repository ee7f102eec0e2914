import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { octets } from "./options/testing.ts";
import {
  decodeRelayAgentInformation,
  encodeRelayAgentInformation,
  type RelayAgentInformation,
  relayAgentInformation,
} from "./relay_agent_information.ts";

const ALL: RelayAgentInformation = {
  circuitId: octets("6c616e30"),
  remoteId: octets("020000000099"),
  linkSelection: 0x0a4d0000,
  subscriberId: octets("73"),
  vendor: octets("0000 0009 03 010203"),
  flags: 0x80,
  serverIdentifierOverride: 0x0a4d0001,
  relayId: octets("0001"),
  others: new Map([[151, octets("00")], [19, octets("0043")]]),
};

const ALL_HEX = `
  01 04 6c616e30
  02 06 020000000099
  05 04 0a4d0000
  06 01 73
  09 08 00000009 03 010203
  0a 01 80
  0b 04 0a4d0001
  0c 02 0001
  97 01 00
  13 02 0043`.replaceAll(/\s+/g, "");

Deno.test("relay agent information: every sub-option, there and back", () => {
  deepStrictEqual(decodeRelayAgentInformation(octets(ALL_HEX)), { ok: true, value: ALL });
  deepStrictEqual(encodeRelayAgentInformation(ALL), octets(ALL_HEX));
});

Deno.test("relay agent information: every strict prefix ends between two sub-options or is truncated", () => {
  const bytes = octets(ALL_HEX);
  const ends = new Set([0, 6, 14, 20, 23, 33, 36, 42, 46, 49]);
  for (let size = 0; size < bytes.length; size++) {
    const decoded = decodeRelayAgentInformation(bytes.subarray(0, size));
    strictEqual(decoded.ok, ends.has(size), `${size} octets`);
    if (!decoded.ok) strictEqual(decoded.error.kind, "truncated");
  }
});

Deno.test("relay agent information: sub-options of a fixed size have it", () => {
  for (const hex of ["0503 0a4d00", "0505 0a4d000000", "0b00", "0a02 8000"]) {
    const decoded = decodeRelayAgentInformation(octets(hex));
    const field = `option 82 sub-option ${octets(hex)[0]}`;
    deepStrictEqual(decoded, { ok: false, error: { kind: "badLength", field, offset: 0 } });
  }
});

Deno.test("relay agent information: 0 and 255 are sub-options like any other (RFC 3046 §2.0)", () => {
  const decoded = decodeRelayAgentInformation(octets("0001aa ff01bb"));
  deepStrictEqual(decoded, { ok: true, value: { others: new Map([[0, octets("aa")], [255, octets("bb")]]) } });
});

Deno.test("relay agent information: the first of two equal sub-options counts", () => {
  const decoded = decodeRelayAgentInformation(octets("0101aa 0504 0a000000 0101bb 0504 0b000000 c801aa c801bb"));
  deepStrictEqual(decoded, {
    ok: true,
    value: { circuitId: octets("aa"), linkSelection: 0x0a000000, others: new Map([[200, octets("aa")]]) },
  });
});

Deno.test("relay agent information: any bytes decode or are refused, and what decodes stays the same", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40, max: 14 }), (bytes) => {
    const decoded = decodeRelayAgentInformation(bytes);
    if (decoded.ok) deepStrictEqual(decodeRelayAgentInformation(encodeRelayAgentInformation(decoded.value)), decoded);
  }));
});

Deno.test("relay agent information: for people", () => {
  strictEqual(
    relayAgentInformation.format(ALL),
    "circuitId 0x6c616e30, remoteId 0x020000000099, linkSelection 10.77.0.0, subscriberId 0x73, " +
      "vendor 0x0000000903010203, flags 0x80, serverIdentifierOverride 10.77.0.1, relayId 0x0001, 151 0x00, 19 0x0043",
  );
  throws(() => encodeRelayAgentInformation({ circuitId: new Uint8Array(256) }));
});
