/**
 * Where our decoder and tshark's dissector disagree about a datagram, and why ours is right to. Every disagreement must
 * fit a row, and every row must occur: a row that is not needed any more is a mistake as well.
 */

import { decode } from "../../../src/dhcp/decode.ts";
import { AT, OVERLOAD } from "../../../src/dhcp/layout.ts";
import type { Decoded, Message } from "../../../src/dhcp/message.ts";
import { toHex } from "../../../src/bytes/hex.ts";
import type { Dissected } from "./tshark.ts";

/** A datagram, and what both make of it. */
interface Judged {
  readonly datagram: Uint8Array;
  readonly ours: Decoded<Message>;
  readonly theirs: Dissected;
}

interface Disagreement {
  /** What differs. */
  readonly name: string;
  readonly reason: string;
  readonly fits: (judged: Judged) => boolean;
}

const MESSAGE_TYPE = 53;

/** What both must have alike, as text; undefined: they agree. */
function difference({ ours, theirs }: Judged): string | undefined {
  const takenByThem = theirs.isDhcp && theirs.messageType !== undefined && !theirs.isMalformed;
  if (!ours.ok) return takenByThem ? `ours refuses it: ${ours.error.kind} ${ours.error.field}` : undefined;
  if (!takenByThem) return `theirs refuses it: ${theirs.notes.join("; ")}`;
  const { op, xid, options } = ours.value;
  if (theirs.op !== op || theirs.xid !== xid) return "op or xid";
  if (theirs.messageType !== options.get(MESSAGE_TYPE)?.[0]) return "message type";
  const found = joined(theirs);
  if ([...options.keys()].some((code) => !found.has(code))) return "an option that theirs lacks";
  if ([...found.keys()].some((code) => !options.has(code))) return "an option that ours lacks";
  const other = [...options].find(([code, value]) => found.get(code) !== toHex(value));
  return other === undefined ? undefined : `the value of option ${other[0]}`;
}

/** The parts of each option put together in tshark's order; option 52 has done its work in ours. */
function joined({ options }: Dissected): Map<number, string> {
  const values = new Map<number, string>();
  for (const { code, value } of options) {
    if (code !== OVERLOAD) values.set(code, (values.get(code) ?? "") + value);
  }
  return values;
}

function refused(kind: string, field: string | RegExp): (judged: Judged) => boolean {
  return ({ ours }) =>
    !ours.ok && ours.error.kind === kind &&
    (typeof field === "string" ? ours.error.field === field : field.test(ours.error.field));
}

/** The same octets in another order. */
function isPermuted({ ours, theirs }: Judged): boolean {
  if (!ours.ok) return false;
  const found = joined(theirs);
  const sorted = (hex: string | undefined) => (hex?.match(/../g) ?? []).sort().join("");
  return [...ours.value.options].every(([code, value]) => sorted(found.get(code)) === sorted(toHex(value)));
}

export const DISAGREEMENTS: readonly Disagreement[] = [
  {
    name: "op neither 1 nor 2",
    reason: "RFC 2131 §2 has no others: whether it is a request or a reply is not known",
    fits: refused("badValue", "op"),
  },
  {
    name: "hlen above 16",
    reason: "RFC 2131 §2: chaddr has 16 octets; tshark shows what there is",
    fits: refused("badValue", "hlen"),
  },
  {
    name: "no cookie at the beginning of the options",
    reason:
      "RFC 2131 §3 has it there, and without it the field is BOOTP's vendor area; tshark reads options from the " +
      "first octet on, zeros as pads",
    fits: (judged) => refused("bootp", "options")(judged) || refused("badCookie", "options")(judged),
  },
  {
    name: "an option that runs past the end of file or sname",
    reason: "RFC 2132 §9.3: an option does not go on in the next field; tshark reads on",
    fits: (judged) =>
      refused("truncated", /^option/)(judged) && !judged.ours.ok && judged.ours.error.offset < AT.cookie,
  },
  {
    name: "option 52 of another value than 1, 2 or 3",
    reason: "RFC 2132 §9.3 has no others; tshark shows it and reads no field. Which fields are options is not known",
    fits: refused("badValue", `option ${OVERLOAD}`),
  },
  {
    name: "option 52 twice, or not of one octet",
    reason: "RFC 2132 §9.3; tshark takes each of them for itself. Two that differ contradict each other",
    fits: refused("badLength", `option ${OVERLOAD}`),
  },
  {
    name: "options in file before those in sname",
    reason: "RFC 3396 §5 joins parts from the options field, file, then sname; tshark shows sname first, and both at " +
      "the place of option 52",
    fits: (judged) =>
      judged.ours.ok && judged.theirs.options.some(({ code }) => code === OVERLOAD) && isPermuted(judged),
  },
  {
    name: "option 53 of other than one octet",
    reason: "each reader of a message's type judges it, and no reader knows a type of two octets or none: the server " +
      "drops it as a type that it does not expect. tshark takes each part, or the first octet, and fails without one",
    fits: ({ ours }) => ours.ok && ours.value.options.get(MESSAGE_TYPE)?.length !== 1,
  },
  {
    name: "an option's value that tshark's dissector of this option fails at",
    reason:
      "the message is whole: each option ends inside its field. tshark stops at the option whose value it can't " +
      "read; here a reader of the option judges it, and what no reader wants does no harm",
    fits: ({ ours, theirs }) =>
      ours.ok && theirs.isMalformed && ours.value.options.has(theirs.options.at(-1)?.code ?? 0),
  },
];

/** A row that explains a disagreement; `undefined`: both agree. */
export function judge(
  datagram: Uint8Array,
  theirs: Dissected,
): { what: string; row: Disagreement | undefined } | undefined {
  const judged = { datagram, ours: decode(datagram), theirs };
  const what = difference(judged);
  if (what === undefined) return undefined;
  return { what, row: DISAGREEMENTS.find(({ fits }) => fits(judged)) };
}
