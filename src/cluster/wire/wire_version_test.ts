import { strictEqual } from "node:assert/strict";
import type { ClusterMessage, Envelope, NodeId, WireVersion } from "./messages.ts";
import { WireVersions } from "./wire_version.ts";

const PROBE: ClusterMessage = { type: "timeProbe", probe: 1 };
const support = (version: number): ClusterMessage => ({ type: "wireSupport", version });

function envelope(from: NodeId, incarnation: number, wireVersion: WireVersion): Envelope {
  return { from, incarnation, epoch: 1, membershipHash: 9, wireVersion };
}

function versions(live: NodeId[] = [2, 3]) {
  const wire = new WireVersions();
  return {
    hears: (from: NodeId, incarnation: number, version: WireVersion, message = PROBE) =>
      wire.heard(envelope(from, incarnation, version), message),
    get version() {
      return wire.version((id) => live.includes(id));
    },
    live,
  };
}

Deno.test("wire version: the newest, until a member writes an earlier one and does not read more", () => {
  const node = versions();
  strictEqual(node.version, 4, "nothing heard");
  node.hears(2, 7, 1);
  strictEqual(node.version, 1);
  node.hears(2, 7, 1, support(2));
  strictEqual(node.version, 2, "it reads version 2, and writes version 1 for the sake of another");
  node.hears(2, 7, 1, support(5));
  strictEqual(node.version, 4, "or more than this one");
  node.hears(2, 7, 4);
  strictEqual(node.version, 4);
});

Deno.test("wire version: a process of an earlier release holds it down, until it is upgraded or gone", () => {
  const node = versions();
  node.hears(2, 7, 4);
  node.hears(3, 8, 3);
  strictEqual(node.version, 3);
  node.live.splice(1);
  strictEqual(node.version, 4, "member 3 is not live");
  node.live.push(3);
  strictEqual(node.version, 3);
  node.hears(2, 10, 1);
  strictEqual(node.version, 1, "member 2 went back to the release before that");
  node.hears(3, 9, 4);
  node.hears(2, 11, 4);
  strictEqual(node.version, 4, "upgraded");
});
