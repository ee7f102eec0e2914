/** The levels of a section that settings of leases stand at. */

import type { LeaseSettingsConfig, ServiceConfig } from "./service_schema.ts";

/** Every one of them; a level before those inside it. */
export function* leaseLevels(config: ServiceConfig): Generator<LeaseSettingsConfig> {
  yield config;
  yield* config.classes;
  yield* config.sharedNetworks;
  yield* config.reservations;
  for (const subnet of config.subnets) {
    yield subnet;
    yield* subnet.pools;
    yield* subnet.reservations;
  }
}
