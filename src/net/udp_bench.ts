/**
 * Measures how many datagrams an echo server returns: two processes on loopback, 300 octets, several numbers in flight.
 *
 * usage: deno run -A src/net/udp_bench.ts
 */

import { openUdp } from "./open.ts";
import type { UdpSocket } from "./udp.ts";

const LOOPBACK = 0x7f000001;
const IN_FLIGHT = [1, 16, 64, 256];
const DURATION_MS = 2_000;
const PAYLOAD_OCTETS = 300;
const KINDS = ["linux", "dgram"] as const;
const BUFFER_BYTES = 4_000_000;

function print(line: string): void {
  // deno-lint-ignore no-console -- a program's output
  console.log(line);
}

async function serve(kind: UdpSocket["kind"]): Promise<void> {
  const socket = await openUdp({ address: LOOPBACK, port: 0, receiveBufferBytes: BUFFER_BYTES }, kind);
  socket.receive((bytes, from, port) => socket.send(bytes, from, port));
  print(String(socket.port));
}

/** Echoes per second; both directions count as one. The client is always the faster implementation. */
async function measure(port: number, inFlight: number): Promise<number> {
  const socket = await openUdp({ address: LOOPBACK, port: 0, receiveBufferBytes: BUFFER_BYTES });
  const payload = new Uint8Array(PAYLOAD_OCTETS);
  let echoes = 0;
  socket.receive(() => {
    echoes++;
    socket.send(payload, LOOPBACK, port);
  });
  const start = performance.now();
  for (let index = 0; index < inFlight; index++) socket.send(payload, LOOPBACK, port);
  await new Promise((resolve) => setTimeout(resolve, DURATION_MS));
  const seconds = (performance.now() - start) / 1_000;
  socket.close();
  return echoes / seconds;
}

async function compare(): Promise<void> {
  for (const kind of KINDS) {
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.url, kind],
      stdout: "piped",
    }).spawn();
    const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
    const port = Number(value);
    // The first measurement only warms the server up.
    await measure(port, 16);
    for (const inFlight of IN_FLIGHT) {
      const rate = await measure(port, inFlight);
      const roundTripMicros = inFlight / rate * 1_000_000;
      print(`${kind}, ${inFlight} in flight: ${Math.round(rate)} echoes/s, ${Math.round(roundTripMicros)} us each`);
    }
    server.kill();
    await server.status;
  }
}

const kind = KINDS.find((candidate) => candidate === Deno.args[0]);
if (kind === undefined) await compare();
else await serve(kind);
