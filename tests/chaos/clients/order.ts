/** What the process that emulates clients is told, a line of JSON each, on standard input. */

/** The first line. */
export interface ClientsOrder {
  readonly clients: number;
  /** Exchanges per second that renewals add up to. */
  readonly perSecond: number;
  /** Where clients without our relay send to, with this machine as their relay. */
  readonly nodes: readonly string[];
  /** Share of the exchanges without our relay. */
  readonly directShare: number;
  /** Share of the DISCOVERs that wish for an address of another client. */
  readonly wishShare: number;
}

/** The lines after it. */
export type ClientsCommand =
  /** New clients and renewals until one of each is served; `probe` is in the answers. */
  | { readonly kind: "probe"; readonly probe: number }
  /** New clients ask one node. */
  | { readonly kind: "probeNode"; readonly probe: number; readonly address: string }
  /** So many new clients at once, which wish for addresses that others hold. */
  | { readonly kind: "newcomers"; readonly count: number }
  | { readonly kind: "stop" };
