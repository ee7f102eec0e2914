/** A node with its HTTP: composes `node.ts` with what administers it, for `main.ts` and tests. */

import { OPEN_GUARDS } from "../src/http/access/access.ts";
import { loadAccess, type ReloadableAccess } from "../src/http/access/load.ts";
import { type HttpHandler, serveHttp } from "../src/http/serve.ts";
import { readTls, renewIdentity, type TlsIdentity } from "../src/http/tls.ts";
import { HttpTraffic } from "../src/http/traffic.ts";
import { logger } from "../src/log/configure.ts";
import { formatIpv4 } from "../src/net/ipv4.ts";
import { nodeApps } from "./admin/app.ts";
import { EventFeed } from "./admin/events.ts";
import { listenLocally } from "./admin/local_socket.ts";
import { AuditLog } from "./admin/audit.ts";
import { statusAnswer } from "./admin/status.ts";
import { Node, type NodeStart } from "./node.ts";
import type { NodeFile } from "./reader/protocol.ts";

/** A node that serves DHCP, and answers over HTTP and over its Unix socket. */
export class RunningNode {
  readonly node: Node;
  /** Port that HTTP is served on. */
  readonly httpPort: number;
  readonly #access: ReloadableAccess;
  readonly #audit: AuditLog;
  readonly #server: ReturnType<typeof serveHttp>;

  private constructor(
    node: Node,
    { access, audit, identity }: { access: ReloadableAccess; audit: AuditLog; identity: TlsIdentity | undefined },
  ) {
    this.node = node;
    this.#access = access;
    this.#audit = audit;
    const { http } = node.config;
    const status = statusAnswer(node);
    const feed = new EventFeed(status);
    const traffic = new HttpTraffic(logger("node", "http"));
    const app = nodeApps(node, { status, feed, audit, access: access.guards, traffic });
    try {
      this.#server = serveHttp(app(access.guards), http, { traffic, identity });
    } catch (error) {
      feed.close();
      throw error;
    }
    this.httpPort = this.#server.port;
    const local = this.#listenLocally(app(OPEN_GUARDS));
    node.onLease = (event) => feed.lease(event);
    node.onClose = async () => {
      feed.close();
      await Promise.all([this.#server.close(), local?.close()]);
      access.close();
      await audit.close();
    };
    logger("node").info("{protocol} on {address}:{port}", {
      protocol: identity === undefined ? "HTTP" : "HTTPS",
      address: formatIpv4(http.address),
      port: this.httpPort,
    });
  }

  /** Starts a node and returns once it listens. Rejects with one line that says what is wrong and what to do. */
  static async start(start: NodeStart): Promise<RunningNode> {
    const { http } = start.file.config;
    const identity = http.tls === undefined ? undefined : await readTls(http.tls);
    const access = await loadAccess(http, logger("node", "http"));
    let node: Node | undefined;
    let audit: AuditLog | undefined;
    try {
      node = await Node.start(start);
      // The node has made and locked its state directory.
      audit = await AuditLog.open(start.file.config.node.stateDir, Date.now);
      return new RunningNode(node, { access, audit, identity });
    } catch (error) {
      access.close();
      await node?.stop();
      await audit?.close();
      throw error;
    }
  }

  /** Takes over what may change while it runs. Rejects when a file that the configuration names is bad. */
  async reload(file: NodeFile): Promise<void> {
    await this.#access.reload();
    await renewIdentity(this.#server, this.node.config.http.tls, logger("node", "http"));
    await this.node.reload(file);
    const request = { file: { revision: file.revision } };
    this.#audit.add({ who: "signal", role: "admin", from: "this machine", action: "SIGHUP", request, status: 200 });
  }

  /** Answers what is in flight, writes everything down and closes. Idempotent. */
  stop(): Promise<void> {
    return this.node.stop();
  }

  /** Without its socket a node still serves; the path may be too long for one. */
  #listenLocally(app: HttpHandler): { close(): Promise<void> } | undefined {
    try {
      return listenLocally(this.node.config.node.stateDir, app);
    } catch (error) {
      logger("node").warn("No commands to this node, as its socket can't be opened: {error}; shorten node.stateDir", {
        error: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    }
  }
}
