/**
 * A large configuration on its way to a member that has the one before: what differs is sent, with digests of both
 * texts. A member that lacks the base, or comes to another text, asks for the whole (`configWanted`).
 *
 * One stretch of text is replaced. The revision stands far in front of the reservations, so it is set first, in the
 * base. Members of an earlier release are sent whole texts only.
 */

import { differenceOf } from "../../bytes/difference.ts";
import { textDigest } from "../../bytes/text_digest.ts";
import type { ConfigPatch, ConfigText, NodeId } from "../wire/messages.ts";
import type { Configuration } from "./config_replication.ts";

/** What is sent in place of a text is at most this part of it. */
const WORTHWHILE_PART = 0.5;
/** About what a patch takes without what it inserts. */
const PATCH_CHARACTERS = 64;

interface PatchSurroundings {
  /** What this node has. */
  readonly known: () => readonly Configuration[];
  /** The revision on a member's disk, as it last said. */
  readonly revisionOf: (id: NodeId) => number | undefined;
  /** Whether all live members read patches. */
  readonly areRead: () => boolean;
  readonly revise: (text: string, revision: number) => string | undefined;
}

/** What a patch makes: `unfit` means another text than the sender's. */
export type Patched =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "baseMissing" }
  | { readonly kind: "unfit" };

/** Makes and applies the patches of one member. */
export class ConfigPatches {
  readonly #around: PatchSurroundings;
  readonly #digests = new WeakMap<Configuration, number>();
  /** Members that asked for the whole, and the revision that they had. */
  readonly #wanted = new Map<NodeId, number | undefined>();
  /** The last one made: each member is sent the same. */
  #made: { readonly base: Configuration; readonly text: string; readonly patch: ConfigPatch | undefined } | undefined;
  /** The last one applied: a text is checked first, and taken later. */
  #applied: { readonly patch: ConfigPatch; readonly text: string } | undefined;

  constructor(around: PatchSurroundings) {
    this.#around = around;
  }

  /** A text as it is to be sent to a member. `revision` undefined: the receiver sets the revision. */
  textFor(to: NodeId, text: string, revision: number | undefined): ConfigText {
    const { known, revisionOf, areRead } = this.#around;
    const theirs = revisionOf(to);
    if (!areRead() || (this.#wanted.has(to) && this.#wanted.get(to) === theirs)) return text;
    const base = known().find((one) => one.revision === theirs);
    if (base === undefined) return text;
    if (this.#made?.base !== base || this.#made.text !== text) {
      const patch = revision === undefined
        ? this.#between(base, { revision: base.revision, text: this.#revised(text, base.revision) })
        : this.#between(base, { revision, text });
      this.#made = { base, text, patch };
    }
    return this.#made.patch ?? text;
  }

  /** A member asked for the whole. */
  wants(from: NodeId): void {
    this.#wanted.set(from, this.#around.revisionOf(from));
  }

  /** The text that a patch makes of what this node has. */
  apply(patch: ConfigPatch): Patched {
    const { known } = this.#around;
    const last = this.#applied;
    if (last?.patch.digest === patch.digest && last.patch.revision === patch.revision) {
      return { kind: "text", text: last.text };
    }
    const base = known().find((one) => one.revision === patch.baseRevision && this.#digestOf(one) === patch.baseDigest);
    if (base === undefined) return { kind: "baseMissing" };
    const revised = this.#revised(base.text, patch.revision);
    const text = `${revised.slice(0, patch.at)}${patch.inserted}${revised.slice(patch.at + patch.removed)}`;
    if (textDigest(text) !== patch.digest) return { kind: "unfit" };
    this.#applied = { patch, text };
    return { kind: "text", text };
  }

  /** Undefined when there is little to save. */
  #between(base: Configuration, { revision, text }: Configuration): ConfigPatch | undefined {
    const { at, endBefore, endAfter } = differenceOf(this.#revised(base.text, revision), text);
    const inserted = text.slice(at, endAfter);
    if (PATCH_CHARACTERS + inserted.length > text.length * WORTHWHILE_PART) return undefined;
    return {
      revision,
      baseRevision: base.revision,
      baseDigest: this.#digestOf(base),
      at,
      removed: endBefore - at,
      inserted,
      digest: textDigest(text),
    };
  }

  /** A text that is no section has no revision. */
  #revised(text: string, revision: number): string {
    return this.#around.revise(text, revision) ?? text;
  }

  #digestOf(configuration: Configuration): number {
    const known = this.#digests.get(configuration);
    if (known !== undefined) return known;
    const digest = textDigest(configuration.text);
    this.#digests.set(configuration, digest);
    return digest;
  }
}
