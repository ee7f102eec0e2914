/**
 * What goes into a node's core and what comes out of it. A driver (the node program, the simulator, a scripted test)
 * performs effects in order and hands their completions back as events; it decides nothing.
 */

import type { PushRequest, PushResult } from "../cluster/leadership/config_push.ts";
import type { Configuration } from "../cluster/leadership/config_replication.ts";
import type { ChangeResult, MembershipChange } from "../cluster/membership/membership.ts";
import type { MemberNotice } from "../cluster/member.ts";
import type { ClusterMessage, Envelope, MemberAddress, NodeId } from "../cluster/wire/messages.ts";
import type { Message } from "../dhcp/message.ts";
import type { Action, DropReason } from "../dhcp/server/action.ts";
import type { Shed } from "../dhcp/server/link_budgets.ts";
import type { Conflict } from "../dhcp/server/dhcp_server.ts";
import type { ProbeResults } from "../dhcp/server/probes.ts";
import type { Arrival } from "../dhcp/server/query.ts";
import type { Instant } from "../lease/agreement/clock.ts";
import type { Decision, EndRequest, Proposal } from "../lease/agreement/proposer.ts";
import type { Writes } from "../lease/agreement/slot.ts";
import type { Ipv4, Prefix } from "../net/ipv4.ts";
import type { CompiledService } from "../dhcp/server/compiled_service.ts";
import type { Compiled, CompileRequest } from "./compilations.ts";
import type { Rest } from "../dhcp/server/rests.ts";
import type { NotReady } from "./readiness.ts";

/** An operator's command whose result waits for a disk or for other members. */
export type Command =
  /** Result: `PushResult`. */
  | { readonly kind: "push"; readonly request: PushRequest }
  /** Result: `Decision`. */
  | { readonly kind: "propose"; readonly proposal: Proposal }
  /** Adds or removes a member. Result: `ChangeResult`. */
  | { readonly kind: "change"; readonly change: MembershipChange }
  /** Result: whether the lease was this node's to end; true once the end is durable here. */
  | { readonly kind: "end"; readonly request: EndRequest }
  /** Result: whether the address rested here; true once its end is durable here. */
  | { readonly kind: "endRest"; readonly address: Ipv4 };

/** The result of a command, by its kind. */
export interface CommandResult {
  readonly push: PushResult;
  readonly propose: Decision;
  readonly change: ChangeResult;
  readonly end: boolean;
  readonly endRest: boolean;
}

/** `Source` is whatever the driver needs to answer a request; the core only hands it back. */
export type NodeEvent<Source> =
  /** A decoded DHCP message of a client or a relay. */
  | { readonly kind: "request"; readonly message: Message; readonly arrival: Arrival; readonly source: Source }
  /** An authenticated message of a member. */
  | { readonly kind: "message"; readonly envelope: Envelope; readonly message: ClusterMessage }
  /** The writes of a `persist` effect are on stable storage. */
  | { readonly kind: "persisted"; readonly token: number }
  /** The store cannot write, for this reason; undefined: it works again. */
  | { readonly kind: "store"; readonly failure: string | undefined }
  /** The DHCP sockets are open: this node can serve. */
  | { readonly kind: "listening" }
  /** The `service` section of the local file, valid, after each change. */
  | { readonly kind: "file"; readonly configuration: Configuration; readonly service: CompiledService }
  /** The result of a `compile` effect. */
  | { readonly kind: "compiled"; readonly token: number; readonly compiled: Compiled }
  /** What probes of free addresses found. */
  | { readonly kind: "probed"; readonly results: ProbeResults }
  /** An operator takes this node out of service, or back. */
  | { readonly kind: "drain"; readonly on: boolean }
  | { readonly kind: "command"; readonly token: number; readonly command: Command }
  /** The program ends: no new requests; leadership goes to another member. */
  | { readonly kind: "stop" };

export type NodeEffect<Source> =
  /** To one member; may be lost. */
  | { readonly kind: "send"; readonly to: NodeId; readonly message: ClusterMessage }
  /** To all other members; may be lost for each. */
  | { readonly kind: "broadcast"; readonly message: ClusterMessage }
  /** Durable in the order of the effects; completed by a `persisted` event. Empty writes wait for those before. */
  | { readonly kind: "persist"; readonly writes: Writes; readonly token: number }
  /** To be read, checked and compiled outside of this thread; completed by a `compiled` event. */
  | { readonly kind: "compile" } & CompileRequest
  /** Members that can be sent to and heard from, from now on. */
  | { readonly kind: "members"; readonly members: readonly MemberAddress[] }
  /** `bytesMax`: octets that the client takes. */
  | { readonly kind: "reply"; readonly source: Source; readonly reply: Message; readonly bytesMax: number }
  /**
   * A request that gets no answer on purpose; `full`: the subnet that has no free address for it; `shed`: the limit of
   * its link that was exceeded.
   */
  | {
    readonly kind: "unanswered";
    readonly source: Source;
    readonly reason: DropReason;
    readonly full: Prefix | undefined;
    readonly shed: Shed | undefined;
  }
  /** A request that came while this node does not serve. */
  | { readonly kind: "unserved"; readonly reason: NotReady }
  | { readonly kind: "granted"; readonly lease: Extract<Action, { kind: "grant" }> }
  | {
    readonly kind: "failed";
    readonly lease: Extract<Action, { kind: "grant" }>;
    readonly reason: Extract<Decision, { committed: false }>["reason"];
  }
  /** `rest`: of a declined address. */
  | { readonly kind: "ended"; readonly lease: Extract<Action, { kind: "end" }>; readonly rest: Rest }
  /** An address that was declined at this time is used before its rest is over, as nothing else is free. */
  | { readonly kind: "restEnded"; readonly address: Ipv4; readonly declinedMs: number }
  /** A host uses an address that is free. */
  | { readonly kind: "conflict"; readonly conflict: Conflict }
  /** For log and status. */
  | { readonly kind: "notice"; readonly notice: MemberNotice }
  | { readonly kind: "result"; readonly token: number; readonly result: CommandResult[Command["kind"]] };

/** The effects of one core since they were last taken, and what waits for stable storage. */
export class EffectQueue<Source> {
  /**
   * By token, from `#oldest` on. No `Map`: V8 chains a map's outgrown tables, and with entries that come and go all the
   * time each of them stays in memory, with what it held, until the next full collection.
   */
  readonly #completions: (((now: Instant) => void) | undefined)[] = [];
  #oldest = 1;
  #effects: NodeEffect<Source>[] = [];

  push(effect: NodeEffect<Source>): void {
    this.#effects.push(effect);
  }

  send(to: NodeId, message: ClusterMessage): void {
    this.#effects.push({ kind: "send", to, message });
  }

  broadcast(message: ClusterMessage): void {
    this.#effects.push({ kind: "broadcast", message });
  }

  notice(notice: MemberNotice): void {
    this.#effects.push({ kind: "notice", notice });
  }

  members(members: readonly MemberAddress[]): void {
    this.#effects.push({ kind: "members", members });
  }

  /** What must not happen before the writes are durable waits for their token. */
  persist(writes: Writes, durable: (now: Instant) => void): void {
    const token = this.#oldest + this.#completions.push(durable) - 1;
    this.#effects.push({ kind: "persist", writes, token });
  }

  /** Runs what waited for a token. */
  persisted(token: number, now: Instant): void {
    const at = token - this.#oldest;
    const durable = this.#completions[at];
    if (durable === undefined) return;
    this.#completions[at] = undefined;
    while (this.#completions.length > 0 && this.#completions[0] === undefined) {
      this.#completions.shift();
      this.#oldest += 1;
    }
    durable(now);
  }

  take(): readonly NodeEffect<Source>[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }
}
