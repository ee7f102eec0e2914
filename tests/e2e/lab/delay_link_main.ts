/**
 * A cable that takes its time: hands every frame from one interface to the other after a delay, both ways, whatever the
 * frame carries. Runs in a namespace that has nothing but the two interfaces; `delay_link.ts` starts it.
 *
 * usage: delay_link_main.ts DEVICE DEVICE, and {@link DelaySettings} as JSON, a line each, on standard input.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import { int32, LinkAddress, MSG_DONTWAIT } from "../../../src/net/linux/abi.ts";
import { libc } from "../../../src/net/linux/libc.ts";
import { openOnLink, receiveFrames } from "../../../src/net/linux/link_socket.ts";
import type { ReceiveMemory } from "../../../src/net/linux/memory.ts";
import { reactor, type Source } from "../../../src/net/linux/reactor.ts";
import type { Descriptor } from "../../../src/net/linux/socket.ts";
import { DelayLine, type DelaySettings } from "./delay_line.ts";

const ETH_P_ALL = 0x0003;
const SOL_PACKET = 263;
/**
 * Before each frame comes what its sender left to the hardware: checksums, and cutting into segments. It is passed on.
 */
const PACKET_VNET_HDR = 15;
/** What this process sends itself is not read again. */
const PACKET_IGNORE_OUTGOING = 23;
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Timers count whole milliseconds; frames that are due within half of one are not made to wait for the next. */
const EARLY_MS = 0.5;

let settings: DelaySettings = { delayMs: 0 };

/** One end: what comes in here is put on the line that leads to the other one. */
class End implements Source {
  readonly fd: number;
  readonly line = new DelayLine<Uint8Array<ArrayBuffer>>(Math.random);
  readonly #descriptor: Descriptor;
  readonly #to: LinkAddress;
  #other: End | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(device: string) {
    const { interfaceIndex, descriptor } = openOnLink("a delaying link", device, (socket) => {
      const { interfaceIndex, descriptor, attempt } = socket;
      descriptor.set(SOL_PACKET, PACKET_VNET_HDR, int32(1), attempt);
      descriptor.set(SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1), attempt);
      descriptor.setReceiveBuffer(RECEIVE_BUFFER_BYTES, attempt);
      descriptor.bind(new LinkAddress(interfaceIndex, ETH_P_ALL).memory, attempt);
      return socket;
    });
    this.fd = descriptor.fd;
    this.#descriptor = descriptor;
    this.#to = new LinkAddress(interfaceIndex, ETH_P_ALL);
  }

  join(other: End): void {
    this.#other = other;
    reactor().add(this);
  }

  drain(memory: ReceiveMemory): void {
    receiveFrames(this.#descriptor, memory, (frame) => {
      if (frame !== undefined) this.line.put(frame, performance.now(), settings);
      else this.line.lost++;
    });
    this.#deliver();
  }

  #deliver(): void {
    const now = performance.now() + EARLY_MS;
    for (let frame = this.line.take(now); frame !== undefined; frame = this.line.take(now)) this.#other?.send(frame);
    const { nextMs } = this.line;
    if (nextMs === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#deliver();
    }, nextMs - performance.now());
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    libc().sendto(this.fd, frame, frame.length, MSG_DONTWAIT, this.#to.memory, LinkAddress.size);
  }
}

const [near, far] = Deno.args.map((device) => new End(device));
if (near === undefined || far === undefined) throw new Error("usage: delay_link_main.ts DEVICE DEVICE");
near.join(far);
far.join(near);
say("open");
for await (const line of createInterface({ input: process.stdin })) {
  settings = JSON.parse(line) as DelaySettings;
  say(line);
}
Deno.exit(0);

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}
