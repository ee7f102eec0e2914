/**
 * Configurations on their way to the server: a text leaves as a `compile` effect, and comes back compiled or refused,
 * so that ten thousand reservations are read outside the thread that serves. What is compiled once is known while it
 * is served, or was the last one that was asked for: it is checked before it is adopted, and activated after that.
 */

import type { CompiledService } from "../dhcp/server/compiled_service.ts";
import type { MemberAddress } from "../cluster/wire/messages.ts";

/** A `service` section's text made into what the server works with, or what is wrong with it. */
export type Compiled = { readonly ok: true; readonly service: CompiledService } | {
  readonly ok: false;
  readonly problem: string;
};

/** Asks the driver to compile. */
export interface CompileRequest {
  readonly token: number;
  readonly text: string;
  /** Members whose addresses no pool may contain, beside those of the node's own file. */
  readonly members: readonly MemberAddress[];
  /** What is served: a text that differs little from it takes little to compile. */
  readonly base: { readonly text: string; readonly service: CompiledService };
}

type Done = (compiled: Compiled) => void;

interface Pending {
  readonly text: string;
  readonly members: string;
  readonly done: Done[];
}

interface Known {
  readonly text: string;
  /** For which it was checked; undefined: for none. */
  readonly members: string | undefined;
  readonly service: CompiledService;
}

/** The compilations of one node. */
export class Compilations {
  readonly #ask: (request: CompileRequest) => void;
  readonly #pending = new Map<number, Pending>();
  #token = 0;
  #served: Known;
  #last: Known | undefined;

  constructor(
    served: { readonly text: string; readonly service: CompiledService },
    ask: (one: CompileRequest) => void,
  ) {
    this.#served = { ...served, members: undefined };
    this.#ask = ask;
  }

  /** Notes what the server works with now. */
  serve(text: string, service: CompiledService): void {
    this.#served = { text, service, members: this.#find(text)?.members };
  }

  /** Notes a text that was compiled elsewhere, such as the file's. */
  learn(text: string, service: CompiledService): void {
    this.#last = { text, service, members: undefined };
  }

  /** Checks a text for these members. `done` runs once, perhaps at once. */
  check(text: string, members: readonly MemberAddress[], done: Done): void {
    const key = JSON.stringify(members);
    const known = this.#find(text);
    if (known?.members === key) return done({ ok: true, service: known.service });
    this.#compile(text, members, key, done);
  }

  /** Compiles a text that is adopted already: members count no more. `done` runs once, perhaps at once. */
  compile(text: string, done: Done): void {
    const known = this.#find(text);
    if (known !== undefined) return done({ ok: true, service: known.service });
    this.#compile(text, [], "[]", done);
  }

  /** Takes the driver's answer. */
  compiled(token: number, compiled: Compiled): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    const { text, members, done } = pending;
    if (compiled.ok) this.#last = { text, members, service: compiled.service };
    for (const each of done) each(compiled);
  }

  #find(text: string): Known | undefined {
    const known = [this.#last, this.#served].filter((one) => one?.text === text);
    return known.find((one) => one?.members !== undefined) ?? known[0];
  }

  #compile(text: string, members: readonly MemberAddress[], key: string, done: Done): void {
    for (const pending of this.#pending.values()) {
      if (pending.text === text && pending.members === key) return void pending.done.push(done);
    }
    const token = ++this.#token;
    this.#pending.set(token, { text, members: key, done: [done] });
    this.#ask({ token, text, members, base: this.#served });
  }
}
