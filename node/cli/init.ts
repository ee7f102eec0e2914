// deno-lint-ignore-file no-console -- the plain prompt speaks on the console
/**
 * `init`: a starting configuration and a key, from flags or from answers on a terminal. The configuration is validated
 * before it is written.
 *
 * `@clack/prompts` is imported only when it is about to ask. When it is loaded it reads a dozen environment variables
 * that describe the terminal: the task `node` allows NO_COLOR and TERM and has Deno answer "not set" for the rest
 * (`--ignore-env`), so that the program learns no more than before.
 */

import { EXIT } from "../../src/cli/arguments.ts";
import type { CommandSpec } from "../../src/cli/commands.ts";
import { exists, giveTo } from "../../src/cli/files.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatIssues } from "../../src/config/issue.ts";
import { formatIpv4, netmask, parseIpv4, parsePrefix, prefixRange } from "../../src/net/ipv4.ts";
import { checkNode, nodeSchema } from "../config.ts";
import { makeKeyFile } from "../cluster/cluster_key.ts";

/** A question, and the flag that answers it. */
interface Question {
  readonly flag: string;
  readonly value: string;
  readonly question: string;
  readonly description: string;
  readonly initial: (answers: Readonly<Record<string, string>>) => string;
  /** What is wrong with an answer. */
  readonly check: (answer: string) => string | undefined;
}

const ip = (answer: string) => parseIpv4(answer) === undefined ? `"${answer}" is not an IPv4 address` : undefined;
const optional = (check: (answer: string) => string | undefined) => (answer: string) =>
  answer === "" ? undefined : answer.split(",").map((one) => check(one.trim())).find((fault) => fault !== undefined);

const QUESTIONS: readonly Question[] = [
  {
    flag: "address",
    value: "ipv4",
    question: "Address of this node, where relays and the other nodes reach it",
    description: "address of this node",
    initial: () => ownAddress() ?? "",
    check: ip,
  },
  {
    flag: "nodes",
    value: "id=ipv4,…",
    question: "All nodes of the cluster, this one too, as 1=ADDRESS,2=ADDRESS,3=ADDRESS (one: it serves alone)",
    description: "all nodes, this one too: 1=10.99.0.11,2=10.99.0.12,3=10.99.0.13",
    initial: ({ address }) => `1=${address}`,
    check: (answer) =>
      answer.split(",").map((entry) => {
        const [id = "", address = "", ...rest] = entry.trim().split("=");
        return rest.length > 0 || !/^\d{1,3}$/.test(id) || parseIpv4(address) === undefined
          ? `"${entry}" is not ID=ADDRESS`
          : undefined;
      }).find((fault) => fault !== undefined),
  },
  {
    flag: "subnet",
    value: "prefix",
    question: "Network of the clients",
    description: "network of the clients, such as 10.77.0.0/16",
    initial: () => "10.77.0.0/16",
    check: (answer) =>
      parsePrefix(answer) === undefined ? `"${answer}" is not a network such as 10.77.0.0/16` : undefined,
  },
  {
    flag: "pool",
    value: "range",
    question: "Pool of addresses for clients",
    description: "pool of addresses for clients, first-last",
    initial: ({ subnet = "" }) => poolOf(subnet),
    check: (answer) => /^[\d.]+-[\d.]+$/.test(answer) ? undefined : `"${answer}" is not FIRST-LAST`,
  },
  {
    flag: "router",
    value: "ipv4",
    question: "Router of that network (empty: none)",
    description: "the clients' router",
    initial: ({ subnet = "" }) => routerOf(subnet),
    check: optional(ip),
  },
  {
    flag: "dns",
    value: "ipv4,…",
    question: "DNS servers, with commas (empty: none)",
    description: "the clients' DNS servers",
    initial: ({ router = "" }) => router,
    check: optional(ip),
  },
  {
    flag: "domain",
    value: "name",
    question: "Domain name (empty: none)",
    description: "the clients' domain name",
    initial: () => "",
    check: () => undefined,
  },
  {
    flag: "lease-time",
    value: "duration",
    question: "How long a lease lasts",
    description: "how long a lease lasts, such as 1h",
    initial: () => "1h",
    check: (answer) => /^(\d+[smhdw]?)+$/.test(answer) ? undefined : `"${answer}" is not a duration such as 1h`,
  },
];

export const INIT: CommandSpec = {
  name: "init",
  summary: "Write a first configuration, and a cluster key where one is needed; asks for what no flag gives",
  options: [
    { flags: "-o, --output <file>", description: "file to write", default: "/etc/dhcpcluster/node.yaml" },
    {
      flags: "--key <file>",
      description: "cluster key file, made when it is missing",
      default: "/etc/dhcpcluster/cluster.key",
    },
    { flags: "--state <directory>", description: "directory of the leases", default: "/var/lib/dhcpcluster" },
    ...QUESTIONS.map(({ flag, value, description }) => ({ flags: `--${flag} <${value}>`, description })),
    { flags: "-y, --yes", description: "ask nothing: use the suggestion for what no flag gives" },
    { flags: "--force", description: "overwrite an existing configuration; never a key" },
  ],
  examples: [
    "init",
    "init --yes --address 10.99.0.11 --nodes 1=10.99.0.11,2=10.99.0.12,3=10.99.0.13 --subnet 10.77.0.0/16",
  ],
  run: async (call) => {
    const { options } = call;
    const output = String(options.output);
    if (options.force !== true && exists(output)) {
      throw new Error(`${output} exists: --force overwrites it, --output names another file`);
    }
    const asks = options.yes !== true && Deno.stdin.isTerminal();
    const missing = QUESTIONS.filter(({ flag }) => typeof options[camelCase(flag)] !== "string");
    if (!asks && options.yes !== true && missing.length > 0) {
      const flags = missing.map(({ flag }) => `--${flag}`).join(", ");
      throw new Error(`standard input is not a terminal: give ${flags}, or --yes to use the suggestions`);
    }
    const answers: Record<string, string> = {};
    for (const question of QUESTIONS) {
      const given = options[camelCase(question.flag)];
      const answer = typeof given === "string"
        ? checked(question, given)
        : asks
        ? await ask(question, answers)
        : suggested(question, answers);
      if (answer === undefined) {
        call.warn("Cancelled: nothing was written");
        return EXIT.interrupted;
      }
      answers[question.flag] = answer;
    }
    const { text, id, others } = configuration(answers, { state: String(options.state), key: String(options.key) });
    const loaded = loadConfig(text, nodeSchema, checkNode);
    if (!loaded.ok) {
      throw new Error(
        `nothing was written, because the configuration is not valid:\n${formatIssues(output, loaded.issues)}`,
      );
    }
    const key = String(options.key);
    let madeKey = false;
    if (others.length > 0 && !exists(key)) {
      mkdirFor(key);
      await makeKeyFile(key);
      await giveToService(key);
      madeKey = true;
    }
    writeConfiguration(output, text);
    call.print(`${output}: node ${id}${others.length === 0 ? ", which serves alone" : ` of ${others.length + 1}`}`);
    if (madeKey) call.print(`${key}: a new cluster key`);
    call.print("Next:");
    if (others.length > 0) {
      const where = others.map((other) => `node ${other.id} (${other.address})`).join(" and ");
      call.print(`  copy ${key} to ${where}, and run init there with the same --nodes and its own --address`);
    }
    call.print(`  dhcpcluster-node --config ${output} --check`);
    call.print(`  dhcpcluster-node --config ${output}      (or: systemctl enable --now dhcpcluster-node)`);
    return EXIT.ok;
  },
};

/** Asks on the terminal; undefined when the operator cancels. */
async function ask(
  { question, initial, check }: Question,
  answers: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const { columns, rows } = Deno.consoleSize();
  if (columns === 0 || rows === 0) return askPlainly(question, initial(answers), check);
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({
    message: question,
    initialValue: initial(answers),
    validate: (value = "") => check(value.trim()),
  });
  return isCancel(answer) ? undefined : answer.trim();
}

/** For serial consoles that do not know their size: clack shows nothing of what is typed there. */
function askPlainly(question: string, initial: string, check: Question["check"]): string {
  for (;;) {
    const answer = (prompt(`${question}:`, initial) ?? initial).trim();
    const fault = check(answer);
    if (fault === undefined) return answer;
    console.error(`${fault}: try again`);
  }
}

function suggested({ flag, description, initial, check }: Question, answers: Readonly<Record<string, string>>): string {
  const answer = initial(answers);
  if (check(answer) !== undefined) throw new Error(`--${flag} is missing: ${description}`);
  return answer;
}

function checked({ flag, check }: Question, answer: string): string {
  const fault = check(answer);
  if (fault !== undefined) throw new Error(`--${flag}: ${fault}`);
  return answer;
}

function configuration(
  answers: Readonly<Record<string, string>>,
  { state, key }: { readonly state: string; readonly key: string },
): { text: string; id: number; others: { id: number; address: string }[] } {
  const nodes = (answers.nodes ?? "").split(",").map((entry) => {
    const [id = "", address = ""] = entry.trim().split("=");
    return { id: Number(id), address };
  });
  const own = nodes.find(({ address }) => address === answers.address);
  if (own === undefined) throw new Error(`--nodes does not have --address ${answers.address}: include this node`);
  const others = nodes.filter((node) => node !== own);
  const options = [
    ...(answers.router ? [`routers: [${answers.router}]`] : []),
    ...(answers.dns ? [`domain-name-servers: [${answers.dns.split(",").map((one) => one.trim()).join(", ")}]`] : []),
    ...(answers.domain ? [`domain-name: ${JSON.stringify(answers.domain)}`] : []),
  ];
  const text = [
    "# dhcpcluster node; every key is described in node/README.md",
    "node:",
    `  id: ${own.id}                # unique: identity and priority in elections`,
    `  stateDir: ${JSON.stringify(state)}`,
    "dhcp:",
    `  address: ${own.address}      # where relays reach this node`,
    "cluster:",
    "  nodes:                # all of them, the same list on every node",
    ...nodes.map(({ id, address }) => `    - { id: ${id}, address: ${address} }`),
    ...(others.length > 0 ? [`  keyFile: ${JSON.stringify(key)}   # the same file on every node`] : []),
    "http:",
    `  address: ${own.address}      # health, metrics, API and dashboard`,
    "service:                # the same on every node; the newest revision is served",
    "  revision: 1",
    `  leaseTime: ${answers["lease-time"]}`,
    "  subnets:",
    `    - subnet: ${answers.subnet}`,
    `      pools: [${answers.pool}]`,
    ...(options.length > 0 ? ["      options:", ...options.map((option) => `        ${option}`)] : []),
    "",
  ].join("\n");
  return { text, id: own.id, others };
}

/** The user that the systemd unit runs the node as, from dhcpcluster.sysusers. */
const SERVICE_USER = /^dhcpcluster:[^:]*:(\d+):(\d+):/m;

/** A key that root made must be readable for the user that the service runs as. */
async function giveToService(path: string): Promise<void> {
  if (!exists("/etc/passwd")) return;
  const [, user, group] = SERVICE_USER.exec(await Deno.readTextFile("/etc/passwd")) ?? [];
  if (user !== undefined) giveTo(path, { uid: Number(user), gid: Number(group) });
}

function camelCase(flag: string): string {
  return flag.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The first address of this machine that is neither loopback nor link-local. */
function ownAddress(): string | undefined {
  try {
    return Deno.networkInterfaces().find(({ family, address }) =>
      family === "IPv4" && !address.startsWith("127.") && !address.startsWith("169.254.")
    )?.address;
  } catch {
    return undefined;
  }
}

/** Most of a network: the first addresses are kept for routers and reservations. */
function poolOf(subnet: string): string {
  const prefix = parsePrefix(subnet);
  if (prefix === undefined) return "";
  const { first, last } = prefixRange(prefix);
  const size = last - first + 1;
  const kept = Math.max(2, Math.min(256, Math.floor(size / 4)));
  return size < 8 ? "" : `${formatIpv4(first + kept)}-${formatIpv4(last - 1)}`;
}

function routerOf(subnet: string): string {
  const prefix = parsePrefix(subnet);
  return prefix === undefined ? "" : formatIpv4((prefix.address & netmask(prefix.prefixLength)) >>> 0 | 1);
}

function writeConfiguration(path: string, text: string): void {
  mkdirFor(path);
  Deno.writeTextFileSync(path, text);
}

function mkdirFor(path: string): void {
  const directory = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (directory !== "") Deno.mkdirSync(directory, { recursive: true });
}
