/** What a node counts: plain numbers that the hot path increments and HTTP reads. */

import { DROP_REASONS, type DropReason } from "../../src/dhcp/server/action.ts";
import { type DecodeError, MESSAGE_TYPE } from "../../src/dhcp/message.ts";
import { LatencyHistogram } from "../../src/http/histogram.ts";
import { NOT_READY } from "../../src/core/readiness.ts";
import type { Decision } from "../../src/lease/agreement/proposer.ts";
import { FullSubnets } from "./full_subnets.ts";

/** Why a lease that was proposed did not come about. */
type GrantFailure = Extract<Decision, { committed: false }>["reason"];

const DECODE_ERRORS: readonly DecodeError["kind"][] = ["truncated", "badCookie", "badValue", "badLength", "bootp"];
const GRANT_FAILURES: readonly GrantFailure[] = [
  "noAnchor",
  "wallJumped",
  "late",
  "conflict",
  "stale",
  "timeout",
  "tooManyJoined",
  "superseded",
  "dropped",
  "ended",
];

function zeros<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}

const TYPES = Object.keys(MESSAGE_TYPE) as (keyof typeof MESSAGE_TYPE)[];

/** The name of a message type by its code. */
export const TYPE_NAME: ReadonlyMap<number, keyof typeof MESSAGE_TYPE> = new Map(
  TYPES.map((name) => [MESSAGE_TYPE[name], name]),
);

/** All counters of a node, from its start. */
export class NodeCounters {
  /** Decoded requests by message type. */
  readonly received = zeros(TYPES);
  /** Replies handed to the system, by message type. */
  readonly sent = zeros(TYPES);
  /** Datagrams that are no DHCP message, by kind. */
  readonly undecodable = zeros(DECODE_ERRORS);
  /** Requests without an answer, by reason. */
  readonly dropped: Record<DropReason, number> = zeros(DROP_REASONS);
  /** Of these, DHCPDISCOVERs for which no address was free, by subnet. */
  readonly fullSubnets = new FullSubnets();
  /** Requests that were dropped because their link exceeds a limit, by subnet. */
  readonly shedSubnets = new FullSubnets();
  /** Leases that did not come about, by reason. */
  readonly failedGrants: Record<GrantFailure, number> = zeros(GRANT_FAILURES);
  /** Leases granted or extended. */
  granted = 0;
  released = 0;
  declined = 0;
  /** Hosts found that use free addresses, by what followed. */
  readonly conflicts = { rests: 0, lastClient: 0, tooMany: 0 };
  /** Declined addresses whose rest is short, by the limit that was reached. */
  readonly restsShortened = { client: 0, circuit: 0, pool: 0 };
  /** Rests that ended early, as nothing else was free. */
  restsEnded = 0;
  /** Replies that did not fit and lost options. */
  shortened = 0;
  /** Requests that came while this node did not serve. */
  readonly unserved = zeros(NOT_READY);
  /** Datagrams on which our own code failed. */
  faults = 0;
  /** From a proposal to its commit. */
  readonly commits = new LatencyHistogram();
  /** From a request to its answer, commits included. */
  readonly answers = new LatencyHistogram();
  /** Replies the system did not take. */
  unsent = 0;
}
