/** A member's context for tests of one part. */

import type { Effects, Leadership, MemberContext } from "../context.ts";
import { Peers } from "../peers.ts";
import type { NodeId } from "../wire/messages.ts";

/** The parts that a test does not give are inert: no effect, no leader, no members but `self`. */
export function testContext<Notice>(options: {
  self: NodeId;
  members?: () => readonly NodeId[];
  incarnation?: number;
  leadership?: Leadership;
  effects?: Partial<Effects<Notice>>;
  random?: () => number;
}): MemberContext<Notice> {
  const { self, members = () => [self], effects = {} } = options;
  return {
    self,
    incarnation: options.incarnation ?? 1,
    membership: {
      epoch: 1,
      renewalsOnlyUntil: 0,
      get ids() {
        return members();
      },
      get others() {
        return members().filter((id) => id !== self);
      },
    },
    leadership: options.leadership ?? { role: "follower", term: 0, leader: undefined },
    peers: new Peers(),
    effects: { send: () => {}, broadcast: () => {}, persist: () => {}, notice: () => {}, ...effects },
    random: options.random ?? (() => 0.5),
  };
}
