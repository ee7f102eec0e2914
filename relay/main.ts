/** dhcpcluster-relay: the command. Puts the parts together and ends them in order; the parts do the work. */

import { runProgram } from "../src/cli/program.ts";
import { onSignals } from "../src/cli/signals.ts";
import { VERSION } from "../src/cli/version.ts";
import { healthApp } from "../src/http/health.ts";
import { serveHttp } from "../src/http/serve.ts";
import { configureLog, logger } from "../src/log/configure.ts";
import { findInterface } from "../src/net/interfaces.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { openPacket, openUdp, socketImplementation } from "../src/net/open.ts";
import { checkRelay, type RelayConfig, relaySchema } from "./config.ts";
import { DropLog } from "./drops.ts";
import { relayHealth } from "./health.ts";
import { Measurer } from "./measure/measurer.ts";
import { systemPing } from "./measure/ping.ts";
import { askHealth } from "./measure/readyz.ts";
import { logEvent, trackedNodes } from "./nodes.ts";
import { Relay } from "./relay.ts";
import { describeLink, resolveConfig } from "./resolve.ts";
import { NodeTracker } from "./select/tracker.ts";
import { openWires } from "./wires/wires.ts";

/** Starts everything, or throws an error of one line and leaves nothing running. */
async function start(config: RelayConfig): Promise<void> {
  configureLog(config.log);
  const log = logger("relay");
  const { forward, links } = resolveConfig(config, findInterface);
  const ports = { server: config.relay.port, client: config.relay.clientPort };
  const wires = await openWires(links, ports, { openUdp, openPacket });

  const now = () => performance.now();
  const tracker = new NodeTracker(trackedNodes(config), { onEvent: (event) => logEvent(log, event) });
  const drops = new DropLog(log, now);
  const relay = new Relay({
    config: forward,
    wires,
    tracker,
    now,
    dropped: (link, reason, bytes, from) => drops.add(links[link]?.interface.name ?? "", reason, bytes, from),
  });
  const health = relayHealth({ config: forward, tracker, wires, counts: relay.counts, now, startedMs: Date.now() });
  const http = serve();
  const measurer = new Measurer({
    nodes: config.nodes,
    intervalMs: config.probe.intervalMs,
    timeoutMs: config.probe.timeoutMs,
    witness: tracker,
    ping: config.probe.ping ? systemPing : undefined,
    askHealth,
    now,
  });

  const implementation = socketImplementation();
  log.info("dhcpcluster-relay {version} relays for {links}; sockets: {sockets}; http://{http}", {
    version: VERSION,
    links: links.map(describeLink).join(", "),
    sockets: implementation.kind === "linux" ? "linux" : `${implementation.kind}, as ${implementation.reason}`,
    http: `${formatIpv4(config.http.address)}:${http.port}`,
  });

  onSignals({
    async stop(signal) {
      log.info("{signal}: stopping", { signal });
      // A request that is passed on now could not be answered any more.
      for (const wire of wires) wire.close();
      measurer.close();
      await http.close();
      drops.close();
      log.info("stopped");
    },
    reload: () => {
      log.warn("SIGHUP: the relay keeps its configuration; restart it to apply changes");
      return Promise.resolve();
    },
    failed: (message) => log.error("{message}", { message }),
  });

  function serve() {
    try {
      return serveHttp(
        healthApp({
          ...health,
          failed: (path, error) => log.error("GET {path} failed: {error}", { path, error }),
        }),
        config.http,
      );
    } catch (error) {
      drops.close();
      for (const wire of wires) wire.close();
      throw error;
    }
  }
}

if (import.meta.main) {
  const code = await runProgram(Deno.args, {
    name: "dhcpcluster-relay",
    summary: "DHCP relay agent that forwards clients to the nodes of a dhcpcluster.",
    example: "dhcpcluster-relay --config /etc/dhcpcluster/relay.yaml",
    schema: relaySchema,
    check: checkRelay,
    start,
  });
  if (code !== undefined) Deno.exit(code);
}
