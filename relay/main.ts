/** The `dhcpcluster-relay` command: composes the parts and stops them in order. */

import type { Logger } from "@logtape/logtape";
import { type Given, runProgram } from "../src/cli/program.ts";
import { isCommand, runCommand } from "../src/cli/commands.ts";
import { confine } from "../src/cli/confine.ts";
import { ServiceManager } from "../src/cli/systemd.ts";
import { onSignals } from "../src/cli/signals.ts";
import { VERSION } from "../src/cli/version.ts";
import { loadConfigFile } from "../src/config/load.ts";
import { loadAccess, readTokens, type ReloadableAccess, tokenFilesOf } from "../src/http/access/load.ts";
import { TokenFileError } from "../src/http/access/tokens.ts";
import { serveDashboard } from "../src/http/dashboard/serve.ts";
import { CachedAnswer } from "../src/http/cached_answer.ts";
import { jsonInSlices } from "../src/http/json.ts";
import { healthApp } from "../src/http/health.ts";
import { serveHttp } from "../src/http/serve.ts";
import { StatusFeed } from "../src/http/status_feed.ts";
import { CertificateError, readTls, renewIdentity, tlsFilesOf } from "../src/http/tls.ts";
import { HttpTraffic } from "../src/http/traffic.ts";
import { configureLog, logger } from "../src/log/configure.ts";
import { listInterfaces } from "../src/net/interfaces.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { openArp, openPacket, openUdp, socketImplementation, waitForDatagramsFirst } from "../src/net/open.ts";
import { checkRelay, keepBound, type RelayConfig, relaySchema } from "./config.ts";
import { COMMANDS, PROGRAM } from "./cli.ts";
import PAGE from "./dashboard/index.html" with { type: "text" };
import SCRIPT from "./dashboard/page.js" with { type: "text" };
import { relayHealth } from "./health.ts";
import { systemPing } from "./probe/ping.ts";
import { caFilesOf, Trust } from "./probe/trust.ts";
import { describeLink } from "./resolve.ts";
import { NoInterfaceError, RelayService } from "./service.ts";

/** Starts the relay; on failure throws an error of one line and leaves nothing running. */
async function start(config: RelayConfig, { file, early }: Given): Promise<void> {
  configureLog(config.log);
  const log = logger("relay");
  const now = () => performance.now();
  const opener = { openUdp, openPacket };
  waitForDatagramsFirst();
  const identity = config.http.tls === undefined ? undefined : await readTls(config.http.tls);
  const access = await loadAccess(config.http, logger("relay", "http"));
  const service = await RelayService.start(config, { log, opener, openArp, listInterfaces, ping: systemPing, now })
    .catch((error: unknown) => {
      access.close();
      throw error;
    });
  const traffic = new HttpTraffic(logger("relay", "http"));
  const health = relayHealth({ service, now, startedMs: Date.now(), traffic, access: access.guards });
  const encoder = new TextEncoder();
  const status = new CachedAnswer(() => jsonInSlices(health.status()));
  const metrics = new CachedAnswer(async () => encoder.encode(await health.metrics()));
  const events = new StatusFeed(status);
  const http = await listen();

  const implementation = socketImplementation();
  log.info("dhcpcluster-relay {version} relays for {links}; sockets: {sockets}; {http}", {
    version: VERSION,
    links: service.resolved.links.map(describeLink).join(", "),
    sockets: implementation.kind === "linux" ? "linux" : `${implementation.kind}, as ${implementation.reason}`,
    http: `http${identity === undefined ? "" : "s"}://${formatIpv4(config.http.address)}:${http.port}`,
  });

  const manager = ServiceManager.ofThisProcess(log);
  const { outside } = confine([file, ...tokenFilesOf(config.http), ...tlsFilesOf(config.http), ...caFilesOf(config)]);
  if (outside.length > 0) {
    log.info("this process may read any file, because {files} not in /etc/dhcpcluster", {
      files: `${outside.join(" and ")} ${outside.length === 1 ? "is" : "are"}`,
    });
  }
  manager.ready();
  onSignals({
    async stop(signal) {
      log.info("{signal}: stopping", { signal });
      manager.stopping();
      await service.close();
      events.close();
      await http.close();
      access.close();
      log.info("stopped");
    },
    reload: () => manager.reloading(() => reload(service, { file, log, access, http })),
    failed: (message) => log.error("{message}", { message }),
    early,
  });

  async function listen() {
    try {
      const app = healthApp({
        ready: health.ready,
        status,
        metrics,
        failed: (path, error) => log.error("GET {path} failed: {error}", { path, error }),
      }, access.guards);
      app.get("/events", (context) => events.open(context.env));
      serveDashboard(app, { "/": PAGE, "/assets/page.js": SCRIPT });
      return serveHttp(app, config.http, { traffic, identity });
    } catch (error) {
      events.close();
      access.close();
      await service.close();
      throw error;
    }
  }
}

/** SIGHUP: reads the file again; on mistakes the old configuration stays in use. */
async function reload(
  service: RelayService,
  { file, log, access, http }: {
    readonly file: string;
    readonly log: Logger;
    readonly access: ReloadableAccess;
    readonly http: ReturnType<typeof serveHttp>;
  },
): Promise<void> {
  const loaded = await loadConfigFile(file, relaySchema, checkRelay);
  if (!loaded.ok) {
    for (const line of loaded.message.split("\n")) log.error("SIGHUP: {line}", { line });
    log.error("SIGHUP: the configuration has not changed");
    return;
  }
  const { value, fixed } = keepBound(loaded.value, service.config);
  try {
    await access.reload();
    await renewIdentity(http, service.config.http.tls, log);
    await service.reload(value);
  } catch (error) {
    if (!(error instanceof NoInterfaceError || error instanceof TokenFileError || error instanceof CertificateError)) {
      throw error;
    }
    log.error("SIGHUP: {reason}; the configuration has not changed", { reason: error.message });
    return;
  }
  configureLog(value.log);
  if (fixed.length > 0) {
    log.warn("SIGHUP: {keys} cannot change while the relay runs; restart it", { keys: fixed.join(", ") });
  }
  log.info("SIGHUP: configuration reloaded; relaying for {links}", {
    links: service.resolved.links.map(describeLink).join(", "),
  });
}

async function run(args: readonly string[]): Promise<number | undefined> {
  if (isCommand(args)) return await runCommand(args, { ...PROGRAM, commands: COMMANDS });
  return await runProgram(args, {
    ...PROGRAM,
    example: "dhcpcluster-relay --config /etc/dhcpcluster/relay.yaml",
    commands: COMMANDS.map(({ name, words = [], summary }) => `${[name, ...words].join(" ").padEnd(20)} ${summary}`),
    schema: relaySchema,
    check: checkRelay,
    readFiles: async ({ http, nodes }) => {
      await readTokens(http);
      if (http.tls !== undefined) await readTls(http.tls);
      (await Trust.read(nodes)).close();
    },
    start,
  });
}

if (import.meta.main) {
  const code = await run(Deno.args);
  if (code !== undefined) Deno.exit(code);
}
