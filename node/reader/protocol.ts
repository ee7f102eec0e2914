/** What the serving thread asks the worker that reads configurations, and the results. */

import type { PackedService } from "../../src/dhcp/server/compiled_service.ts";
import type { NodeSettings, OwnAddresses } from "../config.ts";

/** A section that is compiled: one that differs little from it is not read as a whole. */
export interface BaseSection extends Pick<PackedService, "columns" | "maxLeaseSeconds" | "used"> {
  readonly text: string;
}

/** A reservation as written in the configuration file. */
export interface ReservationInput {
  readonly address: string;
  readonly hardware?: string | readonly string[] | undefined;
  readonly clientId?: string | readonly string[] | undefined;
  readonly circuitId?: string | undefined;
  readonly remoteId?: string | undefined;
  readonly hostname?: string | undefined;
  readonly subnet?: string | undefined;
}

/** A change of one reservation. */
export type ReservationEdit =
  | { readonly kind: "reserve"; readonly reservation: ReservationInput }
  | { readonly kind: "unreserve"; readonly address: string };

/** Everything that can be asked, by its kind; texts of a `service` section are JSON as `serviceText` makes it. */
export interface Readings {
  /** The text of node.yaml; `file`: its name in messages. */
  readonly file: { readonly asks: { readonly text: string; readonly file: string }; readonly gives: FileReading };
  /** A section that this node may serve. */
  readonly section: {
    readonly asks: { readonly text: string; readonly own: OwnAddresses; readonly base?: BaseSection };
    readonly gives: SectionReading;
  };
  /** A section that an operator gives, beside the one that is served. */
  readonly given: {
    readonly asks: { readonly text: string; readonly format: "yaml" | "json"; readonly current: string | undefined };
    readonly gives: GivenReading;
  };
  /** The section that is served, changed. */
  readonly edit: {
    readonly asks: { readonly text: string; readonly edit: ReservationEdit };
    readonly gives: EditReading;
  };
}

export type ReadingKind = keyof Readings;

/** From the serving thread to the worker. */
export type ReaderRequest = { [Kind in ReadingKind]: { readonly kind: Kind } & Readings[Kind]["asks"] }[ReadingKind];

/** From the worker; the first `ready` says that it runs. */
export type ReaderReply =
  | { readonly kind: "ready" }
  | { readonly kind: "read"; readonly reading: Readings[ReadingKind]["gives"] }
  /** A mistake of ours. */
  | { readonly kind: "failed"; readonly reason: string };

/** Why something was not read; one line each. */
interface Unread {
  readonly ok: false;
  readonly problems: readonly string[];
}

/** What node.yaml says: the `service` section apart, as the server takes it and as text. */
export interface NodeFile {
  readonly ok: true;
  readonly config: NodeSettings;
  readonly revision: number;
  readonly text: string;
  readonly packed: PackedService;
}

export type FileReading = Unread | NodeFile;

export type SectionReading = Unread | { readonly ok: true; readonly packed: PackedService };

export type GivenReading = Unread | {
  readonly ok: true;
  readonly text: string;
  /** 0: it has none. */
  readonly revision: number;
  /** Reserved addresses and subnets of the section that is served that it does not have. */
  readonly unreserved: readonly string[];
  readonly unserved: readonly string[];
};

/** `isMissing`: what is to be removed is not there. */
export type EditReading = (Unread & { readonly isMissing: boolean }) | { readonly ok: true; readonly text: string };
