/** What clients use of a relay. */

import type { Outgoing } from "../../src/dhcp/client/client.ts";
import type { Message } from "../../src/dhcp/message.ts";
import type { Promised } from "./promises.ts";

/** A client as its relay sees it, for one message. */
export interface RelayedClient {
  /** Whether the client still waits for an answer. */
  readonly awaits: () => boolean;
  readonly receive: (reply: Message, promised: Promised | undefined) => void;
}

export interface RelayAgent {
  /** Relays a message of a client on a LAN. */
  request(lan: number, outgoing: Outgoing, client: RelayedClient): void;
}
