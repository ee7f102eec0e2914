/**
 * A member of a cluster of three that gets authentic messages which make no sense: of a member with another release, a
 * bad disk or a bad memory. Nothing is thrown, and what the three say to each other because of it comes to an end. Each
 * input says from whom to whom, how much time passes, and is a message.
 */

import { decodeMessage } from "../../../src/cluster/wire/codec.ts";
import { formed, type TestCluster } from "../../../src/cluster/testing/test_cluster.ts";
import { Octets } from "../octets.ts";
import { must, type Surface } from "../surface.ts";
import { composeMessage, loadMessages } from "./wire.ts";

const octets = new Octets(8_192);
const PAUSES_MS = [2, 2, 2, 20, 100, 1_000];
let cluster: TestCluster;

function check(input: Uint8Array): string {
  const [who = 0, pause = 0] = input;
  const decoded = decodeMessage(input.subarray(2));
  if (!decoded.ok) return "no message";
  const from = 1 + who % 3;
  const to = 1 + (from + (who >> 4) % 2) % 3;
  must(from !== to, "a member says nothing to itself");
  cluster.say(from, to, decoded.message);
  cluster.exchange();
  cluster.run(PAUSES_MS[pause % PAUSES_MS.length] as number);
  return decoded.message.type;
}

export const member: Surface = {
  name: "member",
  weight: 3,
  quick: 1_000,
  caseInputs: 48,
  labels: ["no message", "leaseBatch", "syncChunk", "membershipAccept", "rangeAllocation", "timeAnswer", "config"],
  open() {
    loadMessages();
    return Promise.resolve();
  },
  begin() {
    cluster = formed(3);
  },
  compose(dice) {
    composeMessage(dice, octets, 2);
    octets.splice(0, 0, Uint8Array.of(dice.roll(256), dice.roll(256)));
    return octets.view();
  },
  check,
};
