/**
 * Decodes DHCP in captured frames. A decoder of its own, small and lenient: frames must not be checked with the code
 * that is under test.
 */

/** ff:ff:ff:ff:ff:ff. */
export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";

export const TYPES = ["", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"] as const;

export interface DhcpFrame {
  /** When it was captured, seconds since the epoch. */
  readonly atSeconds: number;
  readonly sourceMac: string;
  readonly destinationMac: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly op: number;
  readonly hops: number;
  readonly xid: number;
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly giaddr: string;
  readonly chaddr: string;
  /** Name of option 53, or "" without one. */
  readonly type: (typeof TYPES)[number];
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Reads one Ethernet frame; undefined when it contains no DHCP. */
export function readFrame(frame: Uint8Array, atSeconds: number): DhcpFrame | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 34 || view.getUint16(12) !== 0x0800) return undefined;
  const udp = 14 + (view.getUint8(14) & 0x0f) * 4;
  if (view.getUint8(23) !== 17 || frame.length < udp + 8) return undefined;
  const dhcp = readDhcp(frame.subarray(udp + 8));
  if (dhcp === undefined) return undefined;
  return {
    atSeconds,
    sourceMac: mac(frame.subarray(6, 12)),
    destinationMac: mac(frame.subarray(0, 6)),
    source: dotted(frame.subarray(26, 30)),
    destination: dotted(frame.subarray(30, 34)),
    sourcePort: view.getUint16(udp),
    destinationPort: view.getUint16(udp + 2),
    ...dhcp,
  };
}

/** The DHCP part of a frame. */
export type Dhcp = Pick<
  DhcpFrame,
  "op" | "hops" | "xid" | "flags" | "ciaddr" | "yiaddr" | "giaddr" | "chaddr" | "type" | "options"
>;

/** Reads a UDP payload; undefined when it is no DHCP. */
export function readDhcp(bytes: Uint8Array): Dhcp | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 240 || view.getUint32(236) !== 0x63825363) return undefined;
  const options = new Map<number, Uint8Array>();
  for (let at = 240; at + 1 < bytes.length;) {
    const code = bytes[at] as number;
    if (code === 255) break;
    if (code === 0) {
      at++;
      continue;
    }
    const length = bytes[at + 1] as number;
    options.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return {
    op: view.getUint8(0),
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    flags: view.getUint16(10),
    ciaddr: dotted(bytes.subarray(12, 16)),
    yiaddr: dotted(bytes.subarray(16, 20)),
    giaddr: dotted(bytes.subarray(24, 28)),
    chaddr: mac(bytes.subarray(28, 28 + Math.min(view.getUint8(2), 16))),
    type: TYPES[options.get(53)?.[0] ?? 0] ?? "",
    options,
  };
}

/** One line for a transcript. */
export function describe(frame: DhcpFrame): string {
  const server = frame.options.get(54);
  const wish = frame.options.get(50);
  const facts = [
    frame.ciaddr === "0.0.0.0" ? "" : `ciaddr=${frame.ciaddr}`,
    frame.yiaddr === "0.0.0.0" ? "" : `yiaddr=${frame.yiaddr}`,
    frame.giaddr === "0.0.0.0" ? "" : `giaddr=${frame.giaddr}`,
    wish?.length === 4 ? `requested=${dotted(wish)}` : "",
    server?.length === 4 ? `server=${dotted(server)}` : "",
    frame.options.has(82) ? "option82" : "",
  ].filter((fact) => fact !== "").join(" ");
  const time = new Date(frame.atSeconds * 1000).toISOString().slice(17, 23);
  const type = frame.type || `op ${frame.op}`;
  return `${time} ${frame.source} → ${frame.destination} ${type} ${frame.chaddr} ${facts}`;
}

/** Four octets as text. */
export function dotted(bytes: Uint8Array): string {
  return bytes.join(".");
}

function mac(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}
