/** One node of a cluster: its machine, its files, and the processes that ran on it. */

import { ok, strictEqual } from "node:assert/strict";
import { Firewall } from "../lab/firewall.ts";
import type { Process } from "../lab/process.ts";
import type { NodeHost } from "../lab/topology.ts";
import { until, within } from "../lab/wait.ts";
import { type HttpAnswer, httpGet, runNode, spawnNode, writeConfig } from "../programs/ours.ts";
import type { NodeConfig, ServiceConfig } from "../programs/programs.ts";
import { storedLeases } from "./database.ts";
import type { NodeStatus } from "./status.ts";

/** How long a node may take to end after SIGTERM. */
const STOP_MS = 5_000;
/** How long its output takes to come here at the most. */
const SAID_MS = 5_000;

export class Member {
  readonly id: number;
  readonly host: NodeHost;
  readonly firewall: Firewall;
  /** The configuration file at the next start. */
  config: NodeConfig;
  /** Environment variables at the next start. */
  env: Readonly<Record<string, string>> = {};
  /** Folder of the executables that the next start uses, when they are not the tests' own. */
  dist: string | undefined;
  /** Milliseconds since the epoch. */
  startedMs = 0;
  #process: Process | undefined;
  #disks = 1;

  constructor(host: NodeHost, config: NodeConfig) {
    this.id = config.node.id;
    this.host = host;
    this.config = config;
    this.firewall = new Firewall(host.namespace);
  }

  /** Whether it was started and not stopped; a node that ends by itself fails the test elsewhere. */
  get started(): boolean {
    return this.#process !== undefined;
  }

  /** The running process. */
  get process(): Process {
    if (this.#process === undefined) throw new Error(`Node ${this.id} is not started`);
    return this.#process;
  }

  /** Starts it and does not wait until it serves. */
  async start(): Promise<void> {
    strictEqual(this.#process, undefined, `Node ${this.id} has to end before it starts again`);
    this.startedMs = Date.now();
    this.#process = await spawnNode(this.host.namespace, this.config, this);
  }

  /** SIGTERM to a node that can't end in order; it must within the same time. */
  async abandon(): Promise<Deno.CommandStatus> {
    const { process } = this;
    this.#process = undefined;
    return await process.terminate(STOP_MS);
  }

  /** SIGTERM. */
  async stop(deadlineMs: number = STOP_MS): Promise<string> {
    const { process } = this;
    this.#process = undefined;
    strictEqual((await process.terminate(deadlineMs)).code, 0, `Node ${this.id} ends with exit code 0 after SIGTERM`);
    return process.output.text;
  }

  /** Starts it and waits until it ends with exit code 1; returns the lines that give the reason. */
  async failsToStart(): Promise<string[]> {
    await this.start();
    return (await this.endsItself()).split("\n").filter((line) => line.startsWith("dhcpcluster-node: "));
  }

  /** Waits until it ends with exit code 1; returns its output. */
  async endsItself(): Promise<string> {
    const { process } = this;
    this.#process = undefined;
    const { code } = await within(`node ${this.id} to give up`, STOP_MS, process.ended);
    strictEqual(code, 1, process.output.last(10));
    return process.output.text;
  }

  /** SIGKILL; returns when it was sent, in milliseconds since the epoch. */
  async kill(): Promise<number> {
    const { process } = this;
    this.#process = undefined;
    process.mustRun();
    const atMs = Date.now();
    await process.kill();
    return atMs;
  }

  /** Takes note that its process has ended by itself; returns its output. */
  collect(): string {
    const { process } = this;
    ok(!process.running, `${process.label} has ended`);
    this.#process = undefined;
    return process.output.text;
  }

  /** Stops its process (SIGSTOP) until {@link Member.resume}. */
  pause(): void {
    this.process.signal("SIGSTOP");
  }

  resume(): void {
    this.process.signal("SIGCONT");
  }

  /** Gives it an empty disk for the next start. */
  replaceDisk(): void {
    const stateDir = this.host.namespace.folder(`disk${++this.#disks}`);
    this.config = { ...this.config, node: { ...this.config.node, stateDir } };
  }

  /** Changes the `service` section of its file. */
  configure(service: Partial<ServiceConfig>): void {
    this.config = { ...this.config, service: { ...this.config.service, ...service } };
  }

  /** Makes the running process read its file and its key file again (SIGHUP). */
  async reload(): Promise<void> {
    await writeConfig("node", this.host.namespace, this.config);
    this.process.signal("SIGHUP");
  }

  /** Changes its key file, which only its owner can read; the running process reads it at {@link Member.reload}. */
  async writeKeys(...keys: readonly string[]): Promise<void> {
    await Deno.writeTextFile(this.keyFile, keys.map((key) => `${key}\n`).join(""));
  }

  get keyFile(): string {
    const { keyFile } = this.config.cluster;
    if (keyFile === undefined) throw new Error(`Node ${this.id} has no key file`);
    return keyFile;
  }

  /**
   * Runs `dhcpcluster-node members …` on its machine, with its file, and returns the output; throws with the error
   * output when it is refused.
   */
  async members(...words: readonly string[]): Promise<string> {
    return await this.command("members", ...words);
  }

  /** Runs a command on its machine; throws with the error output when it fails. */
  async command(...words: readonly string[]): Promise<string> {
    const file = await writeConfig("node", this.host.namespace, this.config);
    return await runNode(this.host.namespace, [...words, "--config", file]);
  }

  /** The answer of its `/readyz`; undefined without one. */
  readyz(): Promise<HttpAnswer | undefined> {
    return httpGet(this.host.namespace, `http://${this.host.address}:8067/readyz`);
  }

  /** Its whole `/status`, from its own machine; throws when it does not answer. */
  async status(): Promise<NodeStatus> {
    const answer = await httpGet(this.host.namespace, `http://${this.host.address}:8067/status`);
    if (answer === undefined) throw new Error(`Node ${this.id} does not answer`);
    return JSON.parse(answer.body) as NodeStatus;
  }

  /** The leases on its disk. */
  leases(): ReturnType<typeof storedLeases> {
    return storedLeases(this.config.node.stateDir);
  }

  /** Waits for a line of the running process's output, which must be the only one that matches. */
  async says(pattern: RegExp): Promise<void> {
    await until(`node ${this.id} to say ${pattern}`, SAID_MS, () => this.said(pattern) > 0);
    strictEqual(this.said(pattern), 1, `node ${this.id} says it once`);
  }

  /** How many lines of the running process's output match. */
  said(pattern: RegExp): number {
    return this.process.output.text.split("\n").filter((line) => pattern.test(line)).length;
  }
}
