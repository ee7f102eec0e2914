/**
 * The DHCP codec and the relay's patches: decoding depends on nothing outside the datagram, an error lies inside it,
 * and what decodes encodes to a datagram that decodes to the same message; with little room too, but for what the
 * encoder says it omitted.
 */

import { equalBytes } from "../../../src/bytes/equal.ts";
import { decode as productDecode } from "../../../src/dhcp/decode.ts";
import { encode } from "../../../src/dhcp/encode.ts";
import { AT, END, OVERLOAD, PAD } from "../../../src/dhcp/layout.ts";
import type { Decoded, Message, Options } from "../../../src/dhcp/message.ts";
import { formatOption, optionByCode } from "../../../src/dhcp/options/mod.ts";
import {
  appendRelayAgentInformation,
  readRelayAgentInformation,
  removeRelayAgentInformation,
} from "../../../src/dhcp/relay_agent.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";
import { composePacket } from "./packets.ts";

/** What decodes; a test puts something broken in its place. */
let decode = productDecode;

const BYTES_MAX = 2_048;
const START = 1_024;
const octets = new Octets(BYTES_MAX);
/** Twice the same datagram among different octets. */
const arenas = [
  new Uint8Array(BYTES_MAX + 2 * START).fill(1),
  new Uint8Array(BYTES_MAX + 2 * START).fill(255),
] as const;

function sameOptions(left: Options, right: Options, but: readonly number[] = []): boolean {
  if (left.size !== right.size + but.length) return false;
  for (const [code, value] of left) {
    if (but.includes(code)) continue;
    const other = right.get(code);
    if (other === undefined || !equalBytes(value, other)) return false;
  }
  return true;
}

function sameMessage(left: Message, right: Message, but: readonly number[] = []): boolean {
  return left.op === right.op && left.htype === right.htype && left.hops === right.hops && left.xid === right.xid &&
    left.secs === right.secs && left.flags === right.flags && left.ciaddr === right.ciaddr &&
    left.yiaddr === right.yiaddr && left.siaddr === right.siaddr && left.giaddr === right.giaddr &&
    equalBytes(left.chaddr, right.chaddr) && equalBytes(left.sname, right.sname) &&
    equalBytes(left.file, right.file) && sameOptions(left.options, right.options, but);
}

function sameDecoded(left: Decoded<Message>, right: Decoded<Message>): boolean {
  if (left.ok) return right.ok && sameMessage(left.value, right.value);
  return !right.ok && left.error.kind === right.error.kind && left.error.field === right.error.field &&
    left.error.offset === right.error.offset;
}

function mustLieInside(view: Uint8Array, datagram: Uint8Array): void {
  if (view.buffer !== datagram.buffer || view.length === 0) return;
  const start = datagram.byteOffset;
  must(
    view.byteOffset >= start && view.byteOffset + view.length <= start + datagram.length,
    "a view reaches outside the datagram",
  );
}

const INFORMATION = Uint8Array.of(1, 4, 108, 97, 110, 48);

function decodeAgain(bytes: Uint8Array): Message {
  const decoded = decode(bytes);
  must(decoded.ok, "what was encoded must decode");
  return decoded.value;
}

/** Returns whether something had to be omitted. */
function checkEncoding(message: Message): boolean {
  const roomy = encode(message, { bytesMax: 8_192 });
  must(roomy.omitted.length === 0, "with room, nothing may be omitted");
  const again = decodeAgain(roomy.bytes);
  must(sameMessage(message, again), "encoding must keep the message");
  must(equalBytes(roomy.bytes, encode(again, { bytesMax: 8_192 }).bytes), "encoding must be stable");

  const tight = encode(message, { bytesMax: message.xid % 900 });
  must(!tight.omitted.includes(82), "option 82 must survive");
  const rest = decode(tight.bytes);
  if (tight.omitted.includes(53)) return true; // A message type of hundreds of octets: no message.
  must(rest.ok, "what was encoded tightly must decode");
  must(sameMessage(message, rest.value, tight.omitted), "tight encoding must keep all but what it omitted");
  return tight.omitted.length > 0;
}

const sizes = new Uint16Array(256);

/** Counts the octets of each option by itself: encoding and decoding again can't show what a decoder always loses. */
function mustHaveAll(datagram: Uint8Array, options: Options): void {
  sizes.fill(0);
  for (let at: number = AT.options; at < datagram.length && datagram[at] !== END;) {
    const code = datagram[at] as number;
    if (code === OVERLOAD) return;
    const size = code === PAD ? 0 : datagram[at + 1] as number;
    if (code !== PAD) {
      must(options.has(code), "an option of the datagram must be in the message");
      sizes[code] = (sizes[code] as number) + size;
    }
    at += code === PAD ? 1 : 2 + size;
  }
  for (const [code, value] of options) must(value.length === sizes[code], "an option must have all of its octets");
}

function checkPatches(datagram: Uint8Array): void {
  readRelayAgentInformation(datagram);
  const appended = appendRelayAgentInformation(datagram, { giaddr: 1, hops: 1, information: INFORMATION });
  const removed = removeRelayAgentInformation(datagram);
  if (appended === "malformed") must(removed === "malformed", "patches must agree about what is malformed");
  if (typeof appended !== "string") {
    must(removed === datagram, "there is nothing to remove where something could be appended");
    const read = readRelayAgentInformation(appended);
    must(read.kind === "present" && read.value.circuitId !== undefined, "what was appended must be readable");
    must(equalBytes(read.value.circuitId, INFORMATION.subarray(2)), "what was appended must be what is read");
  }
  if (typeof removed !== "string") must(readRelayAgentInformation(removed).kind === "absent", "removed is removed");
}

function check(input: Uint8Array): string {
  const [left, right] = arenas;
  const end = START + input.length;
  left.set(input, START);
  right.set(input, START);
  try {
    const datagram = left.subarray(START, end);
    const decoded = decode(datagram);
    must(sameDecoded(decoded, decode(right.subarray(START, end))), "octets outside the datagram were read");
    let label: string;
    if (decoded.ok) {
      const message = decoded.value;
      for (const view of [message.chaddr, message.sname, message.file]) mustLieInside(view, datagram);
      for (const [code, value] of message.options) {
        mustLieInside(value, datagram);
        formatOption(optionByCode(code), value);
      }
      mustHaveAll(datagram, message.options);
      label = checkEncoding(message) ? "decoded, too long for some room" : "decoded";
    } else {
      const { kind, offset } = decoded.error;
      must(offset >= 0 && offset <= input.length, "an error must lie inside the datagram");
      label = kind;
    }
    checkPatches(datagram);
    must(equalBytes(datagram, input), "the datagram must stay as it was");
    return label;
  } finally {
    left.fill(1, START, end);
    right.fill(255, START, end);
  }
}

/** The surface with another decoder until it is closed. */
export function dhcpWith(decoder: typeof productDecode): Surface {
  return {
    ...dhcp,
    open() {
      decode = decoder;
      return Promise.resolve();
    },
    close() {
      decode = productDecode;
      return Promise.resolve();
    },
  };
}

export const dhcp: Surface = {
  name: "dhcp",
  weight: 12,
  quick: 120_000,
  labels: ["decoded", "decoded, too long for some room", "truncated", "badCookie", "badValue", "badLength", "bootp"],
  compose(dice) {
    composePacket(dice, octets);
    return octets.view();
  },
  check,
};
