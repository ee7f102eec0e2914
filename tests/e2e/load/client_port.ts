/** The port of all clients that one process plays. */

import { UNSPECIFIED } from "../../../src/net/ipv4.ts";
import { openUdp } from "../../../src/net/open.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";

const CLIENT_PORT = 68;
/** On as many machines as clients, no answer would be lost while this one is busy. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Opens it. Broadcast is allowed. */
export function openClientPort(): Promise<UdpSocket> {
  return openUdp({
    address: UNSPECIFIED,
    port: CLIENT_PORT,
    reuseAddress: true,
    broadcast: true,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
  });
}
