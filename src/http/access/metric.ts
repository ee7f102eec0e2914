/** The metric of refused requests. */

import type { Metric } from "../metrics.ts";
import type { HttpAccess } from "./access.ts";

/** `prefix`: that of the program's metrics. */
export function accessMetric(prefix: string, { counts }: Pick<HttpAccess, "counts">): Metric {
  return {
    kind: "counter",
    name: `${prefix}_http_unauthorized_total`,
    help: "HTTP requests refused for their token or their host name.",
    label: "reason",
    read: () => counts,
  };
}
