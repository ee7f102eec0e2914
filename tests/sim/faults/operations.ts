/** What operators do while other faults go on. */

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
