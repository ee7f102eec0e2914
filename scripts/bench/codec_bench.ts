/**
 * How fast the codec is: `deno bench scripts/bench/codec_bench.ts`. The target is 300,000 times decode and encode of a
 * typical message per second on one core, 3.3 µs for both.
 */

import { decode } from "../../src/dhcp/decode.ts";
import { encode } from "../../src/dhcp/encode.ts";
import type { Message } from "../../src/dhcp/message.ts";
import { OPTIONS, readOption } from "../../src/dhcp/options/mod.ts";
import { appendRelayAgentInformation, removeRelayAgentInformation } from "../../src/dhcp/relay_agent.ts";
import { PACKETS } from "../../src/dhcp/packets_test_data.ts";

function message(bytes: Uint8Array): Message {
  const decoded = decode(bytes);
  if (!decoded.ok) throw new Error(`A benchmark packet must decode: ${decoded.error.kind} at ${decoded.error.offset}`);
  return decoded.value;
}

/** Keeps results, so that no measured work is optimised away. */
let sink = 0;

for (const [name, bytes] of [["DISCOVER through a relay", PACKETS.relayedDiscover], ["ACK", PACKETS.ack]] as const) {
  const decoded = message(bytes);
  const group = `${name}, ${bytes.length} octets`;
  Deno.bench("decode", { group }, () => {
    sink += message(bytes).xid;
  });
  Deno.bench("encode", { group }, () => {
    sink += encode(decoded).bytes.length;
  });
  Deno.bench("decode and encode", { group, baseline: true }, () => {
    sink += encode(message(bytes)).bytes.length;
  });
}

const discover = message(PACKETS.relayedDiscover);
Deno.bench("read message type", { group: "options" }, () => {
  const read = readOption(discover.options, OPTIONS.messageType);
  sink += read.kind === "present" ? read.value : 0;
});
Deno.bench("read relay agent information", { group: "options" }, () => {
  sink += readOption(discover.options, OPTIONS.relayAgentInformation).kind.length;
});

const information = discover.options.get(82) ?? new Uint8Array(0);
Deno.bench("append option 82", { group: "relay" }, () => {
  sink += appendRelayAgentInformation(PACKETS.udhcpcDiscover, { giaddr: 1, hops: 1, information }).length;
});
Deno.bench("remove option 82", { group: "relay" }, () => {
  sink += removeRelayAgentInformation(PACKETS.relayedDiscover).length;
});
