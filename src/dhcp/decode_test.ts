import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decode } from "./decode.ts";
import type { DecodeError, Message } from "./message.ts";
import { PACKETS } from "./packets_test_data.ts";
import { octets } from "./options/testing.ts";

/** A message of 240 zero octets with `op`, `hlen` and cookie, and this options field. */
function datagram(options: string, patch: (bytes: Uint8Array) => void = () => {}): Uint8Array {
  const field = octets(options);
  const bytes = new Uint8Array(240 + field.length);
  bytes[0] = 1;
  bytes[2] = 6;
  bytes.set([0x63, 0x82, 0x53, 0x63], 236);
  bytes.set(field, 240);
  patch(bytes);
  return bytes;
}

function accepted(bytes: Uint8Array): Message {
  const decoded = decode(bytes);
  if (!decoded.ok) throw new Error(`Refused: ${JSON.stringify(decoded.error)}`);
  return decoded.value;
}

function refused(bytes: Uint8Array): DecodeError {
  const decoded = decode(bytes);
  if (decoded.ok) throw new Error("This must be refused");
  return decoded.error;
}

Deno.test("decode() reads every field of dnsmasq's DHCPACK", () => {
  const { options, ...fixed } = accepted(PACKETS.ack);
  deepStrictEqual(fixed, {
    op: 2,
    htype: 1,
    hops: 0,
    xid: 0x85ae8010,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0x0a4d00b8,
    siaddr: 0x0a4d0001,
    giaddr: 0,
    chaddr: octets("020000000001"),
    sname: new Uint8Array(0),
    file: new Uint8Array(0),
  });
  deepStrictEqual([...options.keys()], [53, 54, 51, 58, 59, 1, 28, 3, 42, 15, 6]);
  deepStrictEqual(options.get(51), octets("00000e10"));
});

Deno.test("decode() finds each fixed field where RFC 2131 §2 puts it", () => {
  const bytes = datagram("350101ff");
  for (let index = 1; index < 236; index++) bytes[index] = index;
  bytes[2] = 16;
  const message = accepted(bytes);
  deepStrictEqual({ ...message, options: 0 }, {
    op: 1,
    htype: 1,
    hops: 3,
    xid: 0x04050607,
    secs: 0x0809,
    flags: 0x0a0b,
    ciaddr: 0x0c0d0e0f,
    yiaddr: 0x10111213,
    siaddr: 0x14151617,
    giaddr: 0x18191a1b,
    chaddr: Uint8Array.from({ length: 16 }, (_, index) => 28 + index),
    sname: Uint8Array.from({ length: 64 }, (_, index) => 44 + index),
    file: Uint8Array.from({ length: 128 }, (_, index) => 108 + index),
    options: 0,
  });
});

Deno.test("decode() reads what real clients send", () => {
  const expected: Record<keyof typeof PACKETS, [type: number, codes: number[]]> = {
    udhcpcDiscover: [1, [53, 57, 55, 60, 61]],
    udhcpcRequest: [3, [53, 50, 54, 57, 55, 60, 61]],
    dhclientDiscover: [1, [53, 55]],
    dhclientRequest: [3, [53, 54, 50, 55]],
    dhcpcdDiscover: [1, [53, 55, 57, 60, 145]],
    dhcpcdRequest: [3, [50, 53, 54, 55, 57, 60, 145]],
    windowsRequest: [3, [53, 61, 50, 54, 12, 81, 60, 55]],
    ipxeDiscover: [1, [53, 57, 93, 94, 60, 77, 55, 175, 61, 97]],
    ack: [5, [53, 54, 51, 58, 59, 1, 28, 3, 42, 15, 6]],
    relayedDiscover: [1, [53, 57, 55, 60, 61, 82]],
  };
  for (const [name, [type, codes]] of Object.entries(expected)) {
    const { options } = accepted(PACKETS[name as keyof typeof PACKETS]);
    deepStrictEqual([options.get(53)?.[0], [...options.keys()]], [type, codes], name);
  }
});

Deno.test("decode() ends sname and file at their first NUL", () => {
  const message = accepted(datagram("350101ff", (bytes) => {
    bytes.set(octets("626f6f74 00 78"), 44);
    bytes.set(octets("2f70"), 108);
  }));
  deepStrictEqual(message.sname, octets("626f6f74"));
  deepStrictEqual(message.file, octets("2f70"));
});

Deno.test("decode() skips pads and ignores what follows End", () => {
  const { options } = accepted(datagram("00 00 350101 00 0c0161 ff 0c0162"));
  deepStrictEqual([...options], [[53, octets("01")], [12, octets("61")]]);
});

Deno.test("decode() accepts options without End", () => {
  deepStrictEqual([...accepted(datagram("350101 0c0161")).options.keys()], [53, 12]);
  deepStrictEqual([...accepted(datagram("350101 000000")).options.keys()], [53]);
});

Deno.test("decode() joins the parts of an option in the order of the fields (RFC 3396 §5)", () => {
  const message = accepted(datagram("3501 01 0c0161 340103 0f0178 0c0162 ff", (bytes) => {
    bytes.set(octets("0c0164 ff 0c017a"), 44); // sname: "d", then nothing that counts
    bytes.set(octets("0c0163 2b02 0102 ff"), 108); // file: "c"
  }));
  deepStrictEqual(message.options.get(12), octets("61626364"));
  deepStrictEqual([...message.options.keys()], [53, 12, 15, 43]);
  strictEqual(message.sname.length + message.file.length, 0);
});

Deno.test("decode() reads only the field that option 52 names", () => {
  const fields = (bytes: Uint8Array) => {
    bytes.set(octets("0c0173ff"), 44);
    bytes.set(octets("0c0166ff"), 108);
  };
  const file = accepted(datagram("350101 340101 ff", fields));
  deepStrictEqual([file.options.get(12), file.file.length, file.sname.length], [octets("66"), 0, 4]);
  const sname = accepted(datagram("350101 340102 ff", fields));
  deepStrictEqual([sname.options.get(12), sname.file.length, sname.sname.length], [octets("73"), 4, 0]);
});

Deno.test("decode() finds the message type in an overloaded field, and no second overload there", () => {
  const { options } = accepted(datagram("340101 ff", (bytes) => bytes.set(octets("350101 340102 ff"), 108)));
  deepStrictEqual([...options], [[53, octets("01")]]);
});

Deno.test("decode() refuses what is no DHCP message, with kind, field and offset", () => {
  const refusals: [Uint8Array, DecodeError][] = [
    [new Uint8Array(0), { kind: "truncated", field: "op", offset: 0 }],
    [new Uint8Array(27), { kind: "truncated", field: "giaddr", offset: 27 }],
    [new Uint8Array(235), { kind: "truncated", field: "file", offset: 235 }],
    [new Uint8Array(300), { kind: "badValue", field: "op", offset: 0 }],
    [datagram("350101ff", (bytes) => bytes[0] = 3), { kind: "badValue", field: "op", offset: 0 }],
    [datagram("350101ff", (bytes) => bytes[2] = 17), { kind: "badValue", field: "hlen", offset: 2 }],
    [datagram("350101ff", (bytes) => bytes[239] = 0), { kind: "badCookie", field: "options", offset: 236 }],
    [datagram("").subarray(0, 239), { kind: "truncated", field: "options", offset: 239 }],
    [datagram("35"), { kind: "truncated", field: "option 53", offset: 240 }],
    [datagram("3501"), { kind: "truncated", field: "option 53", offset: 240 }],
    [datagram("350101 0c02 61"), { kind: "truncated", field: "option 12", offset: 243 }],
    [datagram("350101 00 340104 ff"), { kind: "badValue", field: "option 52", offset: 244 }],
    [datagram("350101 340100 ff"), { kind: "badValue", field: "option 52", offset: 243 }],
    [datagram("350101 3400 ff"), { kind: "badLength", field: "option 52", offset: 243 }],
    [datagram("350101 340101 340101 ff"), { kind: "badLength", field: "option 52", offset: 243 }],
  ];
  for (const [bytes, error] of refusals) deepStrictEqual(refused(bytes), error);
});

Deno.test("decode() keeps an option in file and sname from running into the next field", () => {
  const overrun = (at: number, last: number) =>
    refused(datagram("350101 340103 ff", (bytes) => {
      bytes.fill(0, at, last);
      bytes.set([0x0c, 5], last - 4);
    }));
  deepStrictEqual(overrun(108, 236), { kind: "truncated", field: "option 12", offset: 232 });
  deepStrictEqual(overrun(44, 108), { kind: "truncated", field: "option 12", offset: 104 });
});

Deno.test("decode() tells BOOTP apart, so that it can be counted", () => {
  deepStrictEqual(refused(datagram("").subarray(0, 236)), { kind: "bootp", field: "options", offset: 236 });
  const noCookie = datagram("00", (bytes) => bytes.fill(0, 236));
  deepStrictEqual(refused(noCookie), { kind: "bootp", field: "options", offset: 236 });
  deepStrictEqual(refused(datagram("0104ffffff00ff")), { kind: "bootp", field: "option 53", offset: 240 });
});

Deno.test("decode() of every strict prefix is refused, or accepted without a look beyond it", () => {
  for (const [name, packet] of Object.entries(PACKETS)) {
    const whole = accepted(packet);
    for (let size = 0; size < packet.length; size++) {
      // What lies behind the prefix would make a longer option of whatever it is taken for.
      const decoded = [0x00, 0x35, 0xff].map((poison) => {
        const bytes = new Uint8Array(packet.length + 64).fill(poison);
        bytes.set(packet.subarray(0, size), 32);
        return decode(bytes.subarray(32, 32 + size));
      });
      deepStrictEqual(decoded[1], decoded[0], `${name}: ${size} octets`);
      deepStrictEqual(decoded[2], decoded[0], `${name}: ${size} octets`);
      const [first] = decoded;
      if (first?.ok === true) {
        // Only whole options may have survived, in the same order and with the same values.
        ok(size >= 243, name);
        for (const [code, value] of first.value.options) deepStrictEqual(value, whole.options.get(code), name);
      }
    }
  }
});

Deno.test("decode() joins ten thousand parts in the time of ten thousand options", () => {
  const parts = 10_000;
  const bytes = datagram("350101" + "0c0161".repeat(parts));
  strictEqual(accepted(bytes).options.get(12)?.length, parts);
});

Deno.test("decode() returns views of the datagram, not copies", () => {
  const { chaddr, options } = accepted(PACKETS.udhcpcDiscover);
  strictEqual(chaddr.buffer, PACKETS.udhcpcDiscover.buffer);
  strictEqual(options.get(61)?.buffer, PACKETS.udhcpcDiscover.buffer);
});
