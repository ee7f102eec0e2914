/**
 * Runs one surface and judges each input:
 *
 * - nothing is thrown, neither by the surface (only errors that it expects are caught there) nor by its checks;
 * - no input takes longer than {@link SLOW_MS}, or as long as the surface says, at each of {@link SLOW_TRIES}
 *   repetitions, by the clock and of the processor: the machine may be busy;
 * - the heap after a garbage collection does not grow with the number of inputs.
 *
 * What never ends is found by `watchdog.ts`. Each case has dice of its own, from the seed, the surface and its number:
 * a failure is repeated by its number alone.
 */

import process from "node:process";
import { packCase } from "./case_file.ts";
import { Dice, hashOf } from "./dice.ts";
import { minimise } from "./minimise.ts";
import { type Surface, Violation } from "./surface.ts";

/** The longest time that one input may take. */
export const SLOW_MS = 100;
const SLOW_TRIES = 3;
/** What a surface may keep of all its inputs: caches and tables that fill up once. */
export const GROWTH_OCTETS_MAX = 32 * 2 ** 20;
/** Slices at the beginning whose growth is that of caches and compiled code. */
const WARM_SLICES = 2;
const MINIMISE_MS = 5_000;
/** Different failures of one surface after which it is not run any more. */
const FAILURES_MAX = 20;
/** Between two looks at the clock by surfaces that take no time. */
const CASES_BETWEEN = 16;

/** A case that failed. */
export interface Failure {
  readonly surface: string;
  readonly seed: number;
  readonly case: number;
  readonly message: string;
  /** The smallest case that fails in the same way, as a file. */
  readonly file: Uint8Array;
}

/** Told while a case runs, so that one that never ends is known. */
export type Progress = (surface: string, seed: number, number: number) => void;

export interface FuzzOptions {
  readonly seed: number;
  readonly failed: (failure: Failure) => void | Promise<void>;
  readonly progress?: Progress;
  /** Collects garbage; without it growth is not judged. */
  readonly collect?: (() => void) | undefined;
}

/** One surface under fuzzing, slice by slice. */
export class Fuzzer {
  readonly surface: Surface;
  inputs = 0;
  elapsedMs = 0;
  /** Octets on the heap that slices left behind, warm-up excluded. */
  growth = 0;
  slowestMs = 0;
  readonly labels = new Map<string, number>();
  readonly #options: FuzzOptions;
  readonly #dice = new Dice(0);
  readonly #stream: number;
  readonly #seen = new Set<string>();
  readonly #slowMs: number;
  #slices = 0;
  #next = 0;

  constructor(surface: Surface, options: FuzzOptions & { readonly first?: number }) {
    this.surface = surface;
    this.#options = options;
    this.#stream = hashOf(surface.name);
    this.#slowMs = surface.slowMs ?? SLOW_MS;
    this.#next = options.first ?? 0;
  }

  /** Whether it failed so often that more would not help. */
  get isGivenUp(): boolean {
    return this.#seen.size >= FAILURES_MAX;
  }

  get failures(): number {
    return this.#seen.size;
  }

  /** Runs until so many inputs more are done, or so much time has passed. */
  async slice({ inputs = Infinity, ms = Infinity }: { readonly inputs?: number; readonly ms?: number }): Promise<void> {
    const { collect } = this.#options;
    collect?.();
    const before = collect === undefined ? 0 : heapOctets();
    const startMs = performance.now();
    const wanted = this.inputs + inputs;
    for (let cases = 0; this.inputs < wanted && !this.isGivenUp; cases++) {
      if (cases % CASES_BETWEEN === 0 && performance.now() - startMs >= ms) break;
      await this.#runCase(this.#next++);
    }
    this.elapsedMs += performance.now() - startMs;
    this.#slices++;
    if (collect === undefined || this.#slices <= WARM_SLICES) return;
    collect();
    this.growth += heapOctets() - before;
    if (this.growth > GROWTH_OCTETS_MAX) {
      await this.#report(this.#next - 1, [], new Violation(`the heap grew by ${this.growth} octets`));
      this.growth = 0;
    }
  }

  /** Runs a case of a file; throws what it throws. */
  async replay(inputs: readonly Uint8Array[]): Promise<void> {
    const { surface } = this;
    this.#options.progress?.(surface.name, this.#options.seed, -1);
    surface.begin?.();
    for (const input of inputs) {
      const startMs = performance.now();
      await surface.check(input);
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs > this.#slowMs) await this.#judgeSlow(inputs, inputs.indexOf(input), elapsedMs);
    }
  }

  async #runCase(number: number): Promise<void> {
    const { surface } = this;
    const { seed, progress } = this.#options;
    progress?.(surface.name, seed, number);
    const dice = this.#dice;
    dice.restart(seed ^ this.#stream, number);
    let index = 0;
    try {
      surface.begin?.();
      const count = surface.caseInputs ?? 1;
      for (; index < count; index++) {
        const input = surface.compose(dice);
        const startMs = performance.now();
        const result = surface.check(input);
        const label = typeof result === "string" ? result : await result;
        const elapsedMs = performance.now() - startMs;
        if (elapsedMs > this.slowestMs) this.slowestMs = elapsedMs;
        this.inputs++;
        this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
        if (elapsedMs > this.#slowMs) await this.#judgeSlow(this.#inputsOf(number, index + 1), index, elapsedMs);
      }
    } catch (error) {
      this.inputs++;
      await this.#report(number, this.#inputsOf(number, index + 1), error);
    }
  }

  /** The inputs of a case once more, copied. */
  #inputsOf(number: number, count: number): Uint8Array[] {
    const dice = new Dice(this.#options.seed ^ this.#stream, number);
    return Array.from({ length: count }, () => this.surface.compose(dice).slice());
  }

  async #judgeSlow(inputs: readonly Uint8Array[], index: number, firstMs: number): Promise<void> {
    let fastestMs = firstMs;
    for (let attempt = 0; attempt < SLOW_TRIES && fastestMs > this.#slowMs; attempt++) {
      this.surface.begin?.();
      let elapsedMs = 0;
      for (const input of inputs.slice(0, index + 1)) {
        const startMs = performance.now();
        const startCpuMs = cpuMs();
        await this.surface.check(input);
        elapsedMs = Math.min(performance.now() - startMs, cpuMs() - startCpuMs);
      }
      fastestMs = Math.min(fastestMs, elapsedMs);
    }
    if (fastestMs > this.#slowMs) {
      throw new Violation(`slow: ${Math.round(fastestMs)} ms, at each of ${SLOW_TRIES} tries`);
    }
  }

  async #report(number: number, inputs: readonly Uint8Array[], error: unknown): Promise<void> {
    const signature = signatureOf(error);
    if (this.#seen.has(signature)) return;
    this.#seen.add(signature);
    const stillFails = async (fewer: readonly Uint8Array[]) => {
      try {
        await this.replay(fewer);
        return false;
      } catch (again) {
        return signatureOf(again) === signature;
      }
    };
    const { name, caseInputs } = this.surface;
    const smallest = inputs.length === 0 ? [] : await minimise(inputs, stillFails, MINIMISE_MS);
    await this.#options.failed({
      surface: name,
      seed: this.#options.seed,
      case: number,
      message: error instanceof Error ? error.stack ?? error.message : String(error),
      file: packCase(smallest, caseInputs !== undefined),
    });
  }
}

/** The memory of buffers is given back by the collection after the one that finds them. */
export function collector(gc: () => void): () => void {
  return () => {
    gc();
    gc();
  };
}

/** Milliseconds that this process has had a processor. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function heapOctets(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** The same for the same mistake: kind and place, without numbers and what was quoted. */
function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [frame = ""] = (error.stack ?? "").split("\n").filter((line) => /^\s+at .*\.ts:\d+/.test(line))
    .filter((line) => !/surface\.ts|assert\.ts/.test(line));
  return `${error.name} ${error.message.split("\n")[0]?.replaceAll(/\d+|"[^"]*"/g, "#")} ${frame.trim()}`;
}
