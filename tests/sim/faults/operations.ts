/** What operators do while other faults go on. */

import { formatIpv4 } from "../../../src/net/ipv4.ts";
import type { Begin } from "./scene.ts";

/** A new configuration. */
export const push: Begin = ({ operator }) => operator.push();

/** A new configuration with another maximum lease time. */
export const maxLease: Begin = ({ operator }) => operator.push({ changesMaxLease: true });

/** A member is added, removed or replaced. */
export const members: Begin = ({ operator }) => operator.change();

/** A node is added and dies before its epoch is complete; it is removed again. */
export const deadNewcomer: Begin = ({ operator }) => operator.addDying();

/** Every node that claims to lead is given another change. */
export const rivalChanges: Begin = ({ operator }) => operator.changeByRivals();

/** A majority of the disks is lost for good; the operator resets the membership to one survivor. */
export const lostMajority: Begin = ({ operator, limits }, node) => {
  if (limits.maySurviveAlone(node)) operator.loseMajority(node);
};

/** How long a member of an earlier release runs, as far as one node hears it. */
const EARLIER_MS = { min: 2_000, max: 30_000 };

/** The cluster is upgraded, or one node goes back: for a time, nodes compute different keys for a client. */
export const earlierRelease: Begin = ({ cluster }, node) => {
  node.hearsEarlierRelease = true;
  cluster.log?.(`node ${node.id} hears a member of an earlier release`);
  cluster.events.after(cluster.prng.int(EARLIER_MS.min, EARLIER_MS.max), () => node.hearsEarlierRelease = false);
};

/** How long an operator ends rests, and how often it looks for them. */
const RESTS_MS = { min: 5_000, max: 30_000 };
const LOOK_MS = 250;

/** Rests are ended by command, at whatever node has heard of the decline by then: `reuse`. */
export const endRests: Begin = (scene) => {
  const { prng, events, log } = scene.cluster;
  const untilMs = events.nowMs + prng.int(RESTS_MS.min, RESTS_MS.max);
  const look = () => {
    if (events.nowMs >= untilMs) return;
    const node = prng.pick(scene.nodes);
    node?.command((core, now) => {
      for (const { address, slot } of core.table.rows()) {
        if (slot.state !== "declined" || !core.member.endRest(address, now, () => {})) continue;
        log?.(`operator: ends the rest of ${formatIpv4(address)} through node ${node.id}`);
      }
    });
    scene.after(LOOK_MS, look);
  };
  look();
};

/** How long free addresses are probed, and how often. */
const PROBES_MS = { min: 10_000, max: 60_000 };
const PROBE_MS = 1_000;
/** Of the hosts that use free addresses. */
const HOSTS = 8;

/** Free addresses are probed on every link, and hosts answer for some of them. */
export const conflicts: Begin = (scene) => {
  const { prng, events, log } = scene.cluster;
  const untilMs = events.nowMs + prng.int(PROBES_MS.min, PROBES_MS.max);
  const probe = () => {
    if (events.nowMs >= untilMs) return;
    for (const node of scene.nodes) {
      node.command((core, now) => {
        const wanted = core.server.compiled.subnets.flatMap(({ range }) => core.probesWanted(range.first, now));
        const { yes: answered = [], no: clear = [] } = Object.groupBy(wanted, () => prng.chance(0.1) ? "yes" : "no");
        const used = answered.map((address) => ({ address, mac: Uint8Array.of(6, 0, 0, 0, 0, prng.int(1, HOSTS)) }));
        for (const { address } of used) log?.(`node ${node.id}: a host answers for ${formatIpv4(address)}`);
        core.receive({ kind: "probed", results: { clear, used, giaddr: 0 } }, now);
      });
    }
    scene.after(PROBE_MS, probe);
  };
  probe();
};
