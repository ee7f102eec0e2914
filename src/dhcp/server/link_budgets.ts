/**
 * What strangers may use of each link: buckets for their messages and for new leases while a subnet is nearly full. It
 * counts what is dropped, and names the link when an operator should hear of it. `strangers.ts` decides what takes from
 * a budget.
 */

import type { StrangersConfig } from "../../config/service_schema.ts";
import type { Prefix } from "../../net/ipv4.ts";
import { ExpiringMap } from "../../rate/expiring_map.ts";
import { RateMeter } from "../../rate/rate_meter.ts";
import { TokenBucket } from "../../rate/token_bucket.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { linkKey, linkName, type Via } from "./links.ts";

/** What bounds new clients, in the order of the guide. */
export const LINK_LIMITS = [
  /** `strangers.messages`. */
  "messages",
  /** `strangers.leases`. */
  "leases",
  /** `strangers.share`. */
  "share",
  /** Too many new leases are being agreed already. */
  "waiting",
  /** `maxLeasesPerCircuit`; also for clients that are known. */
  "circuit",
] as const;

export type LinkLimit = (typeof LINK_LIMITS)[number];

/** A request was dropped because its link exceeds a limit. */
export interface Shed {
  /** Its name for operators. */
  readonly link: string;
  readonly subnet: Prefix;
  readonly limit: LinkLimit;
  /** Messages of strangers on the link, a second. */
  readonly perSecond: number;
  /** To be said: the link was not named lately because of this limit. */
  readonly isNews: boolean;
}

/** What became of the requests of one link, or of all links that are not named. */
export interface LinkReport {
  readonly link: string;
  readonly perSecond: number;
  readonly dropped: Readonly<Record<LinkLimit, number>>;
}

interface Link {
  readonly name: string;
  readonly messages: TokenBucket;
  readonly leases: TokenBucket;
  /** Messages of strangers. */
  readonly meter: RateMeter;
}

interface NamedLink {
  meter: RateMeter;
  readonly dropped: Record<LinkLimit, number>;
  readonly saidMs: Partial<Record<LinkLimit, number>>;
}

/** All links beyond {@link SERVER_LIMITS.linksNamedMax}; their rate is that of the last one. */
const OTHER_LINKS = "other links";

/** The budgets of all links, and what was dropped. Times are monotonic milliseconds. */
export class LinkBudgets {
  #config: StrangersConfig;
  readonly #all = new TokenBucket(SERVER_LIMITS.strangerMessages, 0);
  #links = noLinks();
  /** Links that exceeded a limit. */
  readonly #named = new Map<string, NamedLink>();

  constructor(config: StrangersConfig) {
    this.#config = config;
  }

  /** Other limits; what the links have used of the former ones is forgotten. */
  configure(config: StrangersConfig): void {
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return;
    this.#config = config;
    this.#links = noLinks();
  }

  /** One more message of a stranger; why it is dropped, if it is. */
  message(via: Via, nowMs: number): Shed | undefined {
    const { messages, meter } = this.#linkOf(via, nowMs);
    meter.add(nowMs);
    return messages.take(nowMs) && this.#all.take(nowMs) ? undefined : this.shed(via, "messages", nowMs);
  }

  /** Whether a stranger may get a lease; `take`: it gets one. */
  lease(via: Via, take: boolean, nowMs: number): boolean {
    const { leases } = this.#linkOf(via, nowMs);
    return take ? leases.take(nowMs) : leases.has(nowMs);
  }

  /** Counts a request that is dropped because of a limit. */
  shed(via: Via, limit: LinkLimit, nowMs: number): Shed {
    const { name, meter } = this.#linkOf(via, nowMs);
    const named = this.#nameOf(name, meter);
    named.dropped[limit] += 1;
    const isNews = nowMs - (named.saidMs[limit] ?? -Infinity) >= SERVER_LIMITS.linkNewsMs;
    if (isNews) named.saidMs[limit] = nowMs;
    return { link: name, subnet: via.subnet.prefix, limit, perSecond: Math.round(meter.perSecond(nowMs)), isNews };
  }

  /** The links that exceeded a limit since the start. */
  reports(nowMs: number): LinkReport[] {
    return [...this.#named].map(([link, { meter, dropped }]) => ({ link, perSecond: meter.perSecond(nowMs), dropped }));
  }

  #linkOf(via: Via, nowMs: number): Link {
    const key = linkKey(via);
    let link = this.#links.get(key, nowMs);
    if (link === undefined) {
      const { messages, leases } = this.#config;
      link = {
        name: linkName(via),
        messages: new TokenBucket(messages, nowMs),
        leases: new TokenBucket(leases, nowMs),
        meter: new RateMeter(),
      };
      this.#links.set(key, link, nowMs);
    }
    return link;
  }

  #nameOf(name: string, meter: RateMeter): NamedLink {
    let named = this.#named.get(name);
    if (named === undefined) {
      const isOther = this.#named.size >= SERVER_LIMITS.linksNamedMax && name !== OTHER_LINKS;
      if (isOther) return this.#nameOf(OTHER_LINKS, meter);
      const dropped = { messages: 0, leases: 0, share: 0, waiting: 0, circuit: 0 } satisfies Record<LinkLimit, number>;
      this.#named.set(name, named = { meter, dropped, saidMs: {} });
    }
    // A link that was quiet for long has a new one.
    named.meter = meter;
    return named;
  }
}

function noLinks(): ExpiringMap<Link> {
  return new ExpiringMap({ ttlMs: SERVER_LIMITS.linkQuietMs, entriesMax: SERVER_LIMITS.linksMax });
}
