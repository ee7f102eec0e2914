/** All surfaces: every place where octets or text come in from outside. */

import type { Surface } from "../surface.ts";
import { nodeConfig, relayConfig } from "./config.ts";
import { convertedConfigs } from "./convert_config.ts";
import { database } from "./database.ts";
import { dhcp } from "./dhcp.ts";
import { ethernet } from "./ethernet.ts";
import { replayWindow } from "./replay_window.ts";
import { seal } from "./seal.ts";
import { stream } from "./stream.ts";
import { wire } from "./wire.ts";
import { http } from "./http.ts";
import { leaseFiles } from "./leases.ts";
import { member } from "./member.ts";
import { lone } from "./node.ts";
import { options } from "./options.ts";
import { readyz } from "./readyz.ts";
import { record } from "./record.ts";
import { relay } from "./relay.ts";
import { relayInformation } from "./relay_information.ts";

export const SURFACES: readonly Surface[] = [
  dhcp,
  options,
  relayInformation,
  ethernet,
  wire,
  seal,
  replayWindow,
  stream,
  lone,
  member,
  relay,
  readyz,
  http,
  record,
  database,
  nodeConfig,
  relayConfig,
  ...convertedConfigs,
  ...leaseFiles,
];
