/**
 * Captures the DHCP on a bridge: read live from tcpdump, so that a test can wait for a frame, and kept as pcap, so that
 * tshark can check our encoding independently.
 */

import { describe, type DhcpFrame, readFrame } from "./dhcp_frame.ts";
import type { Namespace } from "./lab.ts";
import { type Process, run } from "./process.ts";
import { until } from "./wait.ts";

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

export class Capture {
  readonly device: string;
  readonly frames: DhcpFrame[] = [];
  readonly #namespace: Namespace;
  readonly #chunks: Uint8Array[] = [];
  #pending = new Uint8Array(0);
  #sawHeader = false;
  #process: Process | undefined;

  private constructor(namespace: Namespace, device: string) {
    this.#namespace = namespace;
    this.device = device;
  }

  /** Starts recording all DHCP except from the host `exceptFrom`; returns once tcpdump listens. */
  static async start(namespace: Namespace, device: string, exceptFrom?: string): Promise<Capture> {
    const capture = new Capture(namespace, device);
    const filter = `(udp port 67 or udp port 68)${exceptFrom === undefined ? "" : ` and not src host ${exceptFrom}`}`;
    const process = namespace.spawn(
      ["tcpdump", "-i", device, "-n", "-U", "--immediate-mode", "-s", "0", "-w", "-", filter],
      { label: `tcpdump ${device}`, onStdout: (chunk) => capture.#take(chunk) },
    );
    capture.#process = process;
    await process.printed(/listening on/, 5_000);
    return capture;
  }

  /** The frames that match, from index `since` on. */
  filter(matches: Partial<DhcpFrame>, since = 0): DhcpFrame[] {
    return this.frames.slice(since).filter((frame) => fits(frame, matches));
  }

  /** Waits for the first frame at or after index `since` that matches. */
  async waitFor(matches: Partial<DhcpFrame>, deadlineMs: number, since = 0): Promise<DhcpFrame> {
    return await until(
      `${JSON.stringify(matches)} on ${this.device}`,
      deadlineMs,
      () => this.filter(matches, since)[0],
    );
  }

  /** The last frames, a line each. */
  transcript(lines: number): string {
    return this.frames.slice(-lines).map(describe).join("\n");
  }

  /** Stops recording. */
  async stop(): Promise<void> {
    await this.#process?.terminate(5_000);
  }

  /** What tshark finds malformed in frames of servers and relays, a line each; empty when nothing is. */
  async malformed(): Promise<string> {
    const path = `${this.#namespace.folder("pcap")}/${this.device}.pcap`;
    await Deno.writeFile(path, concatenate(this.#chunks));
    const faults = "_ws.malformed || _ws.expert.group == 0x07000000 || ip.checksum.status == 0";
    // UDP checksums are not checked: the only wrong ones are those of the kernel's offload.
    const options = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:FALSE"];
    return (await run(["tshark", "-n", "-r", path, ...options, "-Y", `udp.srcport == 67 && (${faults})`])).trim();
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    let bytes = concatenate([this.#pending, chunk]);
    if (!this.#sawHeader) {
      if (bytes.length < FILE_HEADER) {
        this.#pending = bytes;
        return;
      }
      this.#sawHeader = true;
      bytes = bytes.subarray(FILE_HEADER);
    }
    for (;;) {
      if (bytes.length < RECORD_HEADER) break;
      // pcap(5): seconds, microseconds, octets kept, octets on the wire, in the byte order of the machine.
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const end = RECORD_HEADER + view.getUint32(8, true);
      if (bytes.length < end) break;
      const frame = readFrame(
        bytes.subarray(RECORD_HEADER, end),
        view.getUint32(0, true) + view.getUint32(4, true) / 1e6,
      );
      if (frame !== undefined) this.frames.push(frame);
      bytes = bytes.subarray(end);
    }
    this.#pending = bytes;
  }
}

function fits(frame: DhcpFrame, wanted: Partial<DhcpFrame>): boolean {
  return Object.entries(wanted).every(([key, value]) => frame[key as keyof DhcpFrame] === value);
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
