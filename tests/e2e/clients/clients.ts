/** The real clients by name. */

import type { Host } from "../lab/topology.ts";
import { Dhclient } from "./dhclient.ts";
import { Dhcpcd } from "./dhcpcd.ts";
import type { ClientOptions, RealClient } from "./real_client.ts";
import { Udhcpc } from "./udhcpc.ts";

/** Makes the driver of a client on a host. */
type ClientDriver = new (host: Host, options?: ClientOptions) => RealClient;

export const CLIENTS = { udhcpc: Udhcpc, dhclient: Dhclient, dhcpcd: Dhcpcd } as const satisfies Record<
  string,
  ClientDriver
>;

export type ClientName = keyof typeof CLIENTS;
