/** A rate limit's parameters. */

/** So many per second on average, and so many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}
