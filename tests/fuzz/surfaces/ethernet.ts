/** Ethernet frames of packet sockets: nothing outside the frame is read, and what is taken can be written again. */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { PACKETS } from "../../../src/dhcp/packets_test_data.ts";
import { FRAME_HEADER_OCTETS, readFrame, writeFrame } from "../../../src/net/frame.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";

const octets = new Octets(2_048);
const again = new Uint8Array(octets.max);
const around = new Uint8Array(octets.max + 64);

const CORPUS: readonly Uint8Array[] = Object.values(PACKETS).map((packet, index) => {
  const frame = new Uint8Array(FRAME_HEADER_OCTETS + packet.length);
  writeFrame(frame, packet, {
    sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    destinationMac: new Uint8Array(6).fill(255),
    source: index % 2 === 0 ? 0 : 0x0a4d00b8,
    sourcePort: 68,
    destination: 0xffffffff,
    destinationPort: 67,
  });
  return frame;
});

function check(input: Uint8Array): string {
  const read = readFrame(input);
  around.fill(0xa5, 32 + input.length);
  around.set(input, 32);
  const elsewhere = readFrame(around.subarray(32, 32 + input.length));
  must(read.ok === elsewhere.ok, "octets outside the frame were read");
  if (!read.ok) return read.error;
  const { payload, addressing } = read;
  must(payload.byteOffset + payload.length <= input.byteOffset + input.length, "the payload must lie inside the frame");
  const length = writeFrame(again, payload, addressing);
  const back = readFrame(again.subarray(0, length));
  must(back.ok && equalBytes(back.payload, payload), "what was read must be written and read again");
  must(
    back.addressing.source === addressing.source && back.addressing.destinationPort === addressing.destinationPort,
    "addressing must stay",
  );
  return "datagram";
}

/** RFC 1071: after a mutation, mostly the right checksum again, or all would be refused for it. */
function mendHeader(bytes: Uint8Array): void {
  const size = 4 * ((bytes[14] ?? 0) & 15);
  bytes[24] = bytes[25] = 0;
  let total = 0;
  for (let at = 14; at < 14 + size; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  bytes[24] = (~total >>> 8) & 255;
  bytes[25] = ~total & 255;
}

export const ethernet: Surface = {
  name: "ethernet",
  weight: 10,
  quick: 150_000,
  labels: [
    "datagram",
    "truncated",
    "not IPv4",
    "IPv4 header length",
    "IPv4 total length",
    "IPv4 header checksum",
    "fragment",
    "not UDP",
    "UDP length",
    "UDP checksum",
  ],
  compose(dice) {
    octets.set(dice.pick(CORPUS));
    for (let count = dice.roll(4); count > 0; count--) {
      if (dice.once(2)) octets.bytes[12 + dice.roll(30)] = dice.once(2) ? dice.roll(256) : dice.roll(8);
      else octets.mutate(dice, dice.pick(CORPUS));
    }
    const view = octets.view();
    if (view.length > 34 && !dice.once(8)) mendHeader(view);
    // "Not computed", so that what follows is looked at.
    if (view.length > 42 && dice.once(2)) view[40] = view[41] = 0;
    return view;
  },
  check,
};
