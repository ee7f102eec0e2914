/** Limits of the HTTP server and how they must relate. What a connection may do within them is in `connections.ts`. */

import { assert } from "../assert.ts";

export const HTTP = {
  /** Most connections, where the process may open enough files; each takes some 30 kB. */
  connectionsMax: 1_024,
  /** Most connections of one address: browsers behind one proxy. */
  connectionsPerAddressMax: 64,
  /** At least this many connections, however few files the process may open. */
  connectionsMin: 8,
  /** HTTP takes no more than this part of the files that the process may open: DHCP, disk and cluster need the rest. */
  descriptorsShare: 1 / 4,
  /** Requests that are answered at the same time; further ones get 503. */
  requestsMax: 256,
  /** From connecting to a complete first request header. */
  headersMs: 10_000,
  /** Between two requests. A relay that found nothing to do probes every eight seconds. */
  idleMs: 60_000,
  /** From a request's header to its response: slow bodies, and commands that wait for other nodes. */
  handleMs: 60_000,
  /** The client of a response must take a part of it within this. */
  progressMs: 10_000,
  /** A connection whose client took nothing for this long is closed when there is no room. */
  stalledMs: 2_000,
  /** How often the times above are checked. */
  sweepMs: 1_000,
  /** Connections that are taken. Each costs a tenth of a millisecond, and as much at its end, which DHCP waits for. */
  accepts: { perSecond: 250, burst: 8 },
  /** Pauses after connections could not be accepted, such as without a free descriptor; doubled up to the maximum. */
  acceptPauseMs: { min: 50, max: 1_000 },
  /** Connections that wait in the kernel to be accepted. */
  backlog: 512,
  /** Event streams; a further one ends the oldest of the address that has the most. */
  streamsMax: 64,
  /** Event streams of one address; a further one ends its oldest. */
  streamsPerAddressMax: 32,
  /** Events that a stream may leave unread; states are left out meanwhile. More than the last lines of the log. */
  streamEventsMax: 512,
  /** A response of more octets leaves in parts of this size, as the client takes them. */
  partBytes: 65_536,
} as const;

assert(HTTP.connectionsMin < HTTP.connectionsPerAddressMax, "The smallest server has room for one address");
assert(HTTP.connectionsPerAddressMax * 16 <= HTTP.connectionsMax, "One address can't take the room of all others");
assert(HTTP.requestsMax > HTTP.connectionsPerAddressMax, "One address can't keep the server busy for all others");
assert(
  HTTP.streamsPerAddressMax < HTTP.connectionsPerAddressMax,
  "Streams leave room for requests, also where all clients share the address of a proxy",
);
assert(HTTP.stalledMs < HTTP.progressMs, "Room is made by what would be closed anyway");
assert(HTTP.sweepMs <= HTTP.stalledMs, "Times are checked often enough to hold");
assert(HTTP.idleMs > 8 * 1_000, "A relay's connection outlives its longest probe interval by default");
assert(HTTP.acceptPauseMs.max <= 1_000, "After the last refusal the server answers within a second");
