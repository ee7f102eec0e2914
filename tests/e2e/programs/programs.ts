/**
 * The node and relay programs as the test cases see them, so that the cases run against ours from source, ours
 * compiled, and – to prove the laboratory itself – other people's.
 */

import type { Namespace } from "../lab/lab.ts";
import type { Process } from "../lab/process.ts";

/** The parts of node.yaml that test cases set. */
export interface NodeConfig {
  readonly node: { readonly id: number; readonly stateDir: string; readonly witness?: boolean };
  readonly dhcp: {
    readonly address: string;
    readonly port: number;
    readonly relays?: readonly string[];
    readonly interfaces?: readonly { readonly name: string }[];
  };
  readonly cluster: {
    readonly nodes: readonly { readonly id: number; readonly address: string }[];
    readonly port: number;
    readonly multicast?: string;
    readonly keyFile?: string;
  };
  readonly http: { readonly address: string; readonly port: number };
  readonly log: { readonly level: string; readonly format: "text" | "json" };
  readonly service: ServiceConfig;
}

/** Times are in seconds. */
export interface ServiceConfig {
  readonly revision: number;
  readonly leaseTime: number;
  readonly renewTime?: number;
  readonly rebindTime?: number;
  readonly declineTime?: number;
  readonly authoritative: boolean;
  readonly classes?: readonly { readonly name: string; readonly match: string }[];
  readonly conflictDetection?: boolean;
  readonly subnets: readonly SubnetConfig[];
  readonly sharedNetworks?: readonly { readonly name: string; readonly subnets: readonly SubnetConfig[] }[];
  readonly reservations?: readonly Reservation[];
  readonly optionDefinitions?: readonly Readonly<Record<string, string | number>>[];
}

export interface SubnetConfig {
  readonly subnet: string;
  readonly pools: readonly (string | { readonly range: string; readonly allow?: string; readonly deny?: string })[];
  readonly reservations?: readonly Reservation[];
  readonly options?: Readonly<Record<string, string | readonly string[]>>;
  readonly alwaysSend?: readonly string[];
}

interface Reservation {
  readonly hardware?: string | readonly string[];
  readonly circuitId?: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly options?: Readonly<Record<string, string>>;
}

/** relay.yaml. */
export interface RelayConfig {
  readonly relay: {
    readonly interfaces: readonly {
      readonly name: string;
      readonly address?: string;
      readonly knownServers?: readonly string[];
    }[];
  };
  readonly nodes: readonly {
    readonly id: number;
    readonly address: string;
    readonly port: number;
    readonly health: string;
  }[];
  readonly probe: { readonly interval: string; readonly timeout: string };
  readonly http: { readonly address: string; readonly port: number };
  readonly log: { readonly level: string; readonly format: "text" | "json" };
}

/** A way to run the two programs. A start returns when the program is ready to serve. */
export interface Programs {
  readonly name: string;
  startNode(namespace: Namespace, config: NodeConfig): Promise<Process>;
  startRelay(namespace: Namespace, config: RelayConfig): Promise<Process>;
}

/** Start-up of a program from source, on a busy machine with two cores. */
export const READY_MS = 20_000;
