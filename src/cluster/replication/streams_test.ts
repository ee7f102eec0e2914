import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { EndRecord } from "../../lease/agreement/rule.ts";
import { CLIENT_TAG, clientKey } from "../../lease/agreement/client_key.ts";
import { NO_DETAIL } from "../../lease/agreement/slot.ts";
import { NO_VERSION, type Version } from "../../lease/agreement/version.ts";
import { IncomingStreams } from "./incoming_streams.ts";
import { CLUSTER_LIMITS } from "../limits.ts";
import type { StreamRecord } from "../wire/messages.ts";
import { OutgoingStream } from "./outgoing_stream.ts";

const client = clientKey({ subnet: 0x0a000000, tag: CLIENT_TAG.hardware, bytes: Uint8Array.of(1, 2, 3) });

function version(clock: number): Version {
  return { clock, node: 1, incarnation: 7 };
}

function record(address: number): StreamRecord {
  const end: EndRecord = {
    kind: "released",
    client,
    version: version(address),
    replaces: NO_VERSION,
    committedVersion: NO_VERSION,
    at: 0,
    until: 0,
  };
  return { kind: "end", address, detail: NO_DETAIL, record: end };
}

Deno.test("outgoing: records are numbered from 1 and packed into datagrams, in order", () => {
  const stream = new OutgoingStream();
  for (let address = 1; address <= 40; address++) strictEqual(stream.add(record(address)), address);
  const batches = stream.take(false);
  ok(batches.length > 1, "forty records do not fit one datagram");
  let next = 1;
  for (const batch of batches) {
    strictEqual(batch.first, next);
    deepStrictEqual(batch.records.map(({ address }) => address), batch.records.map((_, index) => next + index));
    next += batch.records.length;
  }
  strictEqual(next, 41);
  deepStrictEqual(stream.take(false), []);
  deepStrictEqual(stream.take(true), [{ first: 41, records: [], committed: [] }]);
});

Deno.test("outgoing: commits are said explicitly, as ranges, in three batches (case 11)", () => {
  const stream = new OutgoingStream();
  for (let address = 1; address <= 5; address++) stream.add(record(address));
  stream.take(false);
  for (const sequence of [1, 2, 4]) stream.note(sequence);
  const said = [{ first: 1, last: 2 }, { first: 4, last: 4 }];
  for (let time = 0; time < 3; time++) deepStrictEqual(stream.take(false).map(({ committed }) => committed), [said]);
  deepStrictEqual(stream.take(false), []);
});

Deno.test("outgoing: what is kept can be sent again, what is not is left out", () => {
  const stream = new OutgoingStream();
  const total = CLUSTER_LIMITS.repairRecords + 10;
  for (let address = 1; address <= total; address++) stream.add(record(address));
  strictEqual(stream.get(10), undefined);
  strictEqual(stream.get(11)?.address, 11);
  strictEqual(stream.get(total + 1), undefined);
  const [batch] = stream.repair({ first: 5, last: 12 });
  deepStrictEqual([batch?.first, batch?.records.length], [11, 2]);
});

Deno.test("incoming: a gap is asked for after a moment, and no more once it is filled", () => {
  const streams = new IncomingStreams();
  streams.arrived(2, 7, 1, 3, 0);
  streams.arrived(2, 7, 6, 2, 10);
  deepStrictEqual(streams.gaps(20), []);
  deepStrictEqual(streams.gaps(50), [{ origin: 2, incarnation: 7, missing: { first: 4, last: 5 } }]);
  deepStrictEqual(streams.gaps(60), []);
  deepStrictEqual(streams.positions(), [{ origin: 2, incarnation: 7, sequence: 3 }]);
  streams.arrived(2, 7, 4, 2, 70);
  deepStrictEqual(streams.gaps(500), []);
  deepStrictEqual(streams.positions(), [{ origin: 2, incarnation: 7, sequence: 7 }]);
  strictEqual(streams.lost, false);
});

Deno.test("incoming: a heartbeat shows that something is missing; records that no member keeps are given up", () => {
  const streams = new IncomingStreams();
  streams.arrived(2, 7, 1, 0, 0);
  streams.arrived(2, 7, 5, 0, 10);
  let asked = 0;
  for (let now = 50; now < 10_000; now += 20) asked += streams.gaps(now).length;
  strictEqual(asked, 20);
  strictEqual(streams.lost, true);
  deepStrictEqual(streams.positions(), [{ origin: 2, incarnation: 7, sequence: 4 }]);
});

Deno.test("incoming: a new process of a member starts a new stream; one met late has lost its past", () => {
  const streams = new IncomingStreams();
  streams.arrived(2, 7, 1, 3, 0);
  streams.arrived(2, 8, 1, 1, 0);
  deepStrictEqual(streams.positions(), [{ origin: 2, incarnation: 8, sequence: 1 }]);
  strictEqual(streams.lost, false);
  streams.arrived(3, 9, 100, 1, 0);
  strictEqual(streams.lost, true);
});

Deno.test("incoming: a commit is matched to its record once, and only within its process (case 9)", () => {
  const streams = new IncomingStreams();
  streams.arrived(2, 7, 1, 1, 0);
  streams.name(2, 1, 0x0a000001, version(5));
  strictEqual(streams.takeNamed(2, 8, 1), undefined);
  deepStrictEqual(streams.takeNamed(2, 7, 1), { address: 0x0a000001, version: version(5) });
  strictEqual(streams.takeNamed(2, 7, 1), undefined);
});

Deno.test("incoming: a gap as long as a bad sender likes takes no time, and is given up in the end", () => {
  const streams = new IncomingStreams();
  streams.arrived(2, 7, 1, 1, 0);
  const first = Number.MAX_SAFE_INTEGER - 10;
  streams.arrived(2, 7, first, 1, 0);
  for (let nowMs = 40; !streams.lost; nowMs += 100) {
    ok(nowMs < 10_000, "it must be given up");
    for (const { missing } of streams.gaps(nowMs)) ok(missing.last - missing.first <= CLUSTER_LIMITS.repairRecords);
  }
  deepStrictEqual(streams.positions(), [{ origin: 2, incarnation: 7, sequence: first }]);
});
