/** What tshark's dissector makes of DHCP datagrams: a capture file goes in, fields come out. */

import { FRAME_HEADER_OCTETS, writeFrame } from "../../../src/net/frame.ts";

/** One option as tshark lists it, without pads and End. */
export interface DissectedOption {
  readonly code: number;
  readonly length: number;
  /** Hexadecimal; empty where tshark shows no value. */
  readonly value: string;
}

/** One datagram. */
export interface Dissected {
  /** Whether tshark takes it for DHCP or BOOTP at all. */
  readonly isDhcp: boolean;
  readonly op: number | undefined;
  readonly xid: number | undefined;
  readonly messageType: number | undefined;
  /** In tshark's order: what option 52 points to comes at its place, `sname` before `file`. */
  readonly options: readonly DissectedOption[];
  /** It ran out of octets, or its dissector failed. */
  readonly isMalformed: boolean;
  /** What else it has to say. */
  readonly notes: readonly string[];
}

const FIELDS = [
  ...["frame.number", "dhcp.type", "dhcp.id", "dhcp.option.dhcp", "dhcp.option.type", "dhcp.option.length"],
  ...["dhcp.option.value", "_ws.malformed", "_ws.expert.message"],
];
/** The value of an option without octets. */
const EMPTY = "<MISSING>";
/** Between the values of a field that occurs several times: no note has it. */
const BETWEEN = "|";

/** Dissects datagrams, in order. Rejects when tshark fails. */
export async function dissect(datagrams: readonly Uint8Array[]): Promise<Dissected[]> {
  const folder = await Deno.makeTempDir({ prefix: "dhcpcluster-fuzz-dissect-" });
  try {
    const path = `${folder}/capture.pcap`;
    await Deno.writeFile(path, captureOf(datagrams));
    const { success, stdout, stderr } = await new Deno.Command("tshark", {
      args: [
        ...[
          "-n",
          "-r",
          path,
          "-T",
          "fields",
          "-E",
          "separator=/t",
          "-E",
          "occurrence=a",
          "-E",
          `aggregator=${BETWEEN}`,
        ],
        ...FIELDS.flatMap((field) => ["-e", field]),
      ],
    }).output();
    if (!success) throw new Error(`tshark failed: ${new TextDecoder().decode(stderr)}`);
    const lines = new TextDecoder().decode(stdout).split("\n").slice(0, datagrams.length);
    return lines.map(readLine);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** libpcap's format: a header, and each frame behind its times and lengths. */
function captureOf(datagrams: readonly Uint8Array[]): Uint8Array {
  const total = datagrams.reduce((sum, { length }) => sum + 16 + FRAME_HEADER_OCTETS + length, 24);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, 0xffff);
  view.setUint32(20, 1);
  let at = 24;
  for (const datagram of datagrams) {
    const length = writeFrame(bytes.subarray(at + 16), datagram, {
      sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
      destinationMac: new Uint8Array(6).fill(255),
      source: 0,
      sourcePort: 68,
      destination: 0xffffffff,
      destinationPort: 67,
    });
    view.setUint32(at + 8, length);
    view.setUint32(at + 12, length);
    at += 16 + length;
  }
  return bytes;
}

function readLine(line: string): Dissected {
  const columns = line.split("\t");
  const all = (field: string) => (columns[FIELDS.indexOf(field)] ?? "").split(BETWEEN).filter((value) => value !== "");
  const [op] = all("dhcp.type");
  const [xid] = all("dhcp.id");
  const [type] = all("dhcp.option.dhcp");
  const lengths = all("dhcp.option.length").map(Number);
  const values = all("dhcp.option.value");
  // Pads and End have neither length nor value, and code 0 here.
  const codes = all("dhcp.option.type").map(Number).filter((code) => code !== 0);
  const options = codes.map((code, index): DissectedOption => {
    const value = values[index] ?? "";
    return { code, length: lengths[index] ?? 0, value: value === EMPTY ? "" : value.replaceAll(":", "") };
  });
  return {
    isDhcp: op !== undefined,
    op: op === undefined ? undefined : Number(op),
    xid: xid === undefined ? undefined : Number(xid),
    messageType: type === undefined ? undefined : Number(type),
    options,
    isMalformed: all("_ws.malformed").length > 0,
    notes: all("_ws.expert.message"),
  };
}
