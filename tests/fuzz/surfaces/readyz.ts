/**
 * What a relay reads of a node's `/readyz`: a wrong URL or a node of another release may answer anything. The relay's
 * view of its nodes stays usable, and can be told as JSON.
 */

import { prefixContains } from "../../../src/net/ipv4.ts";
import { readBody } from "../../../relay/probe/readyz.ts";
import { NodeTracker } from "../../../relay/select/tracker.ts";
import { must, type Surface } from "../surface.ts";
import { TextCorpus } from "../words.ts";

const utf8 = new TextEncoder();
const LIKE_UTF8 = new TextDecoder();

const texts = new TextCorpus([
  JSON.stringify({ ready: true, unanswered: {}, full: [] }),
  JSON.stringify({
    ready: false,
    reason: "no majority: nodes 1, 2 are heard here",
    unanswered: { exhausted: 7, noSubnet: 1 },
    full: [{ subnet: "10.77.0.0/16", unanswered: 12 }, { subnet: "10.78.0.0/24", unanswered: 3 }],
  }),
  "<!doctype html><title>404</title>",
].map((text) => utf8.encode(text)));

let tracker: NodeTracker;
let nowMs = 0;

export const readyz: Surface = {
  name: "readyz",
  weight: 1,
  quick: 8_000,
  caseInputs: 32,
  labels: ["nothing", "reason", "full"],
  begin() {
    nowMs = 1_000;
    tracker = new NodeTracker([1, 2].map((id) => ({ id, weight: 1, local: false })));
  },
  compose: (dice) => texts.compose(dice),
  check(input) {
    const said = readBody(LIKE_UTF8.decode(input));
    nowMs += 500;
    tracker.healthAsked(0, { kind: "answered", ready: said.reason === undefined, rttMs: 3, ...said }, nowMs);
    tracker.roundEnded(0, nowMs);
    must(JSON.parse(JSON.stringify(tracker.states(nowMs))).length === 2, "the state of all nodes must be known");
    for (const { subnet } of tracker.fullNetworks(nowMs)) {
      must(prefixContains(subnet, subnet.address), "a full subnet must be a prefix");
    }
    return said.full !== undefined && said.full.length > 0 ? "full" : said.reason === undefined ? "nothing" : "reason";
  },
};
