/** The node's dashboard: leader, members, pool usage, leases, events. */

import {
  badge,
  chart,
  clock,
  colourOf,
  element,
  EventList,
  fill,
  follow,
  legend,
  milliseconds,
  number,
  Rate,
  Series,
  span,
  svg,
  table,
  theme,
  verdict,
} from "../../src/http/dashboard/assets/common.js";

const acks = new Rate();
const rates = new Series();
const [p50, p99] = [new Series(), new Series()];
const events = new EventList("events");
let polling = false;
let ids = [];
let leader = null;

theme();
events.draw();
follow({
  status: showStatus,
  lease: ({ time, kind, address, client, hostname, skipped }) => {
    const more = skipped === undefined ? "" : ` (and ${skipped} more)`;
    events.add(time, "", `${kind} ${address} ${kind === "granted" ? "to" : "by"} ${hostname ?? client}${more}`);
  },
  notice: ({ time, level, message }) => events.add(time, level, message),
});

function showStatus(status) {
  const { cluster } = status;
  ids = cluster.members.map(({ id }) => id);
  leader = status.leader;
  document.getElementById("where").textContent = `${status.id} · ${
    cluster.members.find(({ self }) => self)?.address ?? ""
  }`;
  document.getElementById("version").textContent = `version ${status.version}, up ${
    span(status.uptimeSeconds)
  }, configuration revision ${status.revision ?? "unknown"}`;
  judge(status);
  showMembers(status);
  showRates(status);
  // The colours depend on the ids of all members, which are known now.
  if (!polling) showPools();
  polling = true;
}

function judge(status) {
  const { cluster, subnets } = status;
  const alone = cluster.members.length === 1;
  const serving = cluster.members.filter(({ present, ready }) => present && ready === true).length;
  const servers = cluster.members.filter(({ witness }) => witness !== true).length;
  const problems = [
    ...cluster.members.filter(({ present }) => !present).map(({ id, address }) => `Node ${id} (${address}) is silent`),
    ...cluster.problems.map(({ message }) => message),
  ];
  const fullest = subnets.map(({ subnet, pools }) => {
    const sum = (key) => pools.reduce((total, pool) => total + pool[key], 0);
    return { subnet, share: sum("addresses") === 0 ? 0 : sum("bound") / sum("addresses") };
  }).sort((a, b) => b.share - a.share)[0];
  const use = fullest === undefined ? "" : `${Math.round(100 * fullest.share)} % of ${fullest.subnet} used`;
  const leads = alone
    ? "it serves alone"
    : leader === null
    ? "no leader"
    : `node ${leader} leads (term ${status.term})`;
  const headline = alone
    ? status.ready ? "This node serves" : "This node does not serve"
    : `${serving} of ${servers} nodes serve`;
  const line = [
    status.ready ? status.reason ?? "" : status.healthy ? status.reason : `This node does not: ${status.reason}`,
    leads,
    status.quorum ? "" : "no majority: nothing is granted or extended",
    use,
    status.clock.note ?? "",
  ].filter(Boolean).join(" · ");
  const kind = !status.quorum || serving === 0
    ? "bad"
    : serving < servers || status.renewalsOnlyUntil || problems.length > 0 || fullest?.share > 0.95
    ? "warn"
    : "good";
  verdict(kind, headline, line, problems);
}

function showMembers({ cluster, id: self, role }) {
  const rows = cluster.members.map((member) => {
    const dot = element("span", { class: "dot" });
    dot.style.background = colourOf(member.id, ids);
    const state = !member.present
      ? badge("bad", "silent")
      : member.witness === true
      ? badge(member.synced === false ? "warn" : "good", member.synced === false ? "syncing" : "witness")
      : member.ready === true
      ? badge("good", "serves")
      : member.ready === false
      ? badge("warn", member.synced === false ? "syncing" : "not ready")
      : badge("plain", "unknown");
    return [
      element("span", {}, dot, `${member.id}${member.id === self ? " (this)" : ""}`),
      member.address,
      element("span", {}, state, " ", member.id === leader ? badge("plain", "leads") : ""),
      member.self
        ? ""
        : member.lastSeenMs === null
        ? "never"
        : member.lastSeenMs < 1_500
        ? "now"
        : `${span(member.lastSeenMs / 1_000)} ago`,
      member.self || member.stream === undefined || member.stream.lag === null ? "" : number(member.stream.lag),
      member.self || member.clockOffsetMs === null || member.clockOffsetMs === undefined
        ? ""
        : `${member.clockOffsetMs} ms`,
    ];
  });
  fill(
    "members",
    table([
      { name: "node" },
      { name: "address", mono: true, wide: true },
      { name: "state" },
      { name: "heard" },
      { name: "records behind", number: true, wide: true },
      { name: "clock", number: true, wide: true },
    ], rows),
    role === "standalone" ? element("p", { class: "faint" }, "Standalone: this node's disk is the majority.") : null,
  );
}

function showRates({ counters, latency }) {
  const rate = acks.of(counters.sent.ACK);
  if (rate !== undefined) {
    rates.add(rate);
    document.getElementById("rate").textContent = `${number(rate)}/s`;
    chart("rates", [{ name: "leases per second", colour: "var(--accent)", series: rates }]);
  }
  const { commits } = latency;
  p50.add(commits.p50Ms ?? NaN);
  p99.add(commits.p99Ms ?? NaN);
  document.getElementById("latency").textContent = commits.count === 0 ? "–" : milliseconds(commits.p50Ms);
  chart("latencies", [
    { name: "median", colour: "var(--accent)", series: p50 },
    { name: "99 %", colour: "var(--n1)", series: p99 },
  ], { unit: "ms" });
  fill(
    "latency-legend",
    legend([
      { colour: "var(--accent)", text: `median ${milliseconds(commits.p50Ms)}` },
      { colour: "var(--n1)", text: `99 % within ${milliseconds(commits.p99Ms)}` },
    ]),
  );
}

/** Pools and the ranges of the nodes: all of them on the leader, elsewhere those of this node. */
async function showPools() {
  try {
    const { pools } = await ask("/ranges");
    const all = pools.some(({ nodes }) => nodes.length > 1) || ids.length === 1;
    document.getElementById("pools-note").textContent = all || leader === null
      ? ""
      : `this node's ranges; node ${leader} leads and knows all`;
    fill(
      "pools",
      pools.length === 0 ? element("p", { class: "empty" }, "This node has no configuration yet.") : pools.map(poolOf),
    );
  } catch {
    // The lost connection is shown already.
  }
  setTimeout(showPools, 4_000);
}

const USES = [
  ["bound", "leased", "var(--accent)"],
  ["offered", "offered", "var(--n6)"],
  ["reserved", "reserved", "var(--n3)"],
  ["resting", "resting", "var(--n1)"],
];

function poolOf({ range, subnet, use, nodes }) {
  const bar = element("div", {
    class: "bar",
    role: "img",
    "aria-label": `${use.bound} of ${use.addresses} addresses leased`,
  });
  for (const [key, , colour] of USES) {
    const part = element("i");
    part.style.width = `${100 * use[key] / use.addresses}%`;
    part.style.background = colour;
    bar.append(part);
  }
  const [first, last] = range.split("-").map(toNumber);
  const strip = svg("svg", {
    class: "strip",
    viewBox: "0 0 1000 10",
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const { id, ranges } of nodes) {
    for (const text of ranges) {
      const [from, to = from] = text.split("-").map(toNumber);
      const x = 1_000 * (from - first) / (last - first + 1);
      const rect = svg("rect", {
        x,
        y: 0,
        height: 10,
        width: Math.max(0.6, 1_000 * (to - from + 1) / (last - first + 1)),
      });
      rect.style.fill = colourOf(id, ids);
      strip.append(rect);
    }
  }
  return element(
    "div",
    { class: "pool" },
    element(
      "p",
      {},
      element("span", { class: "mono" }, range),
      element("span", { class: "faint" }, `in ${subnet}`),
      element("strong", {}, `${Math.round(100 * use.bound / use.addresses)} % leased`),
    ),
    bar,
    legend([
      ...USES.filter(([key]) => use[key] > 0 || key === "bound").map(([key, text, colour]) => ({
        colour,
        text: `${number(use[key])} ${text}`,
      })),
      { colour: "var(--shade)", text: `${number(use.free)} free` },
    ]),
    nodes.length > 1 || ids.length > 1
      ? [
        element("p", { class: "faint" }, "Ranges of the nodes"),
        strip,
        element("div", { class: "shares" }, nodes.flatMap(shareOf)),
      ]
      : null,
  );
}

/** A node's share of a pool, and how much of it is in use. */
function shareOf({ id, addresses, free }) {
  const dot = element("span", { class: "dot" });
  dot.style.background = colourOf(id, ids);
  const used = addresses === 0 ? 0 : 1 - free / addresses;
  const part = element("i");
  part.style.width = `${100 * used}%`;
  part.style.background = colourOf(id, ids);
  const label = `${number(addresses - free)} of ${number(addresses)} used`;
  return [
    element("span", {}, dot, `node ${id}`),
    element("div", { class: "bar", role: "img", "aria-label": label }, part),
    element("span", { class: "amount" }, label),
  ];
}

function toNumber(address) {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

async function ask(path) {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `status ${response.status}`);
  return body;
}

/** Query for the search text: an address or its beginning, a hardware address, or part of a host name. */
function queryOf(text) {
  // The last octet may be incomplete: “10.77.1” searches for “10.77.”.
  if (/^(\d{1,3}\.){1,2}\d{0,3}$|^(\d{1,3}\.){3}$/.test(text)) return { address: text.replace(/\d*$/, "") };
  if (/^\d{1,3}\.[\d./-]*$/.test(text)) return { address: text };
  if (/^([0-9a-f]{2}[:-])+[0-9a-f]{0,2}$/i.test(text)) return { client: text.replace(/[:-][0-9a-f]?$/i, "") };
  return text === "" ? {} : { hostname: text };
}

const PAGE = 25;
let starts = [null];
let asked = 0;

async function showLeases() {
  asked += 1;
  const turn = asked;
  const text = document.getElementById("text").value.trim();
  const after = starts.at(-1);
  const query = new URLSearchParams({
    ...queryOf(text),
    state: document.getElementById("state").value,
    limit: PAGE,
    ...(after === null ? {} : { after }),
  });
  try {
    const { leases, next } = await ask(`/leases?${query}`);
    if (turn !== asked) return; // The search text has changed since.
    fill(
      "leases",
      leases.length === 0
        ? element("p", { class: "empty" }, text === "" ? "No leases." : `Nothing matches “${text}”.`)
        : leaseTable(leases),
    );
    document.getElementById("previous").disabled = starts.length === 1;
    const forward = document.getElementById("next");
    forward.disabled = next === null;
    forward.dataset.after = next ?? "";
    document.getElementById("page").textContent = leases.length === 0 ? "" : `page ${starts.length}`;
  } catch (error) {
    if (turn === asked) fill("leases", element("p", { class: "empty" }, error.message));
  }
}

function leaseTable(leases) {
  return table(
    [
      { name: "address", mono: true },
      { name: "host name", text: true },
      { name: "hardware", mono: true, wide: true },
      { name: "state" },
      { name: "until", wide: true },
      { name: "end" },
    ],
    leases.map(({ address, hostname, client, state, remainingSeconds, expires, restsUntil }) => [
      address,
      hostname ?? "",
      client.chaddr || (client.identifier ?? ""),
      state === "bound" ? (remainingSeconds > 0 ? `${span(remainingSeconds)} left` : "running") : state,
      (restsUntil ?? expires) === null ? "" : until(new Date(restsUntil ?? expires)),
      state === "bound" || state === "declined"
        ? element("button", {
          type: "button",
          "data-end": address,
          title: `End ${address}`,
          "aria-label": `End ${address}`,
        }, "×")
        : "",
    ]),
  );
}

/** For this page only: browsers must not send it by themselves. */
let token = "";

/** Ends a lease, or the rest of an address, with a token for commands. */
async function end(address) {
  if (token !== "" && !confirm(`End ${address}?`)) return;
  token ||= prompt(`To end ${address}, give a token with the role operate:`)?.trim() ?? "";
  if (token === "") return;
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`/leases/${address}`, { method: "DELETE", headers });
  if (!response.ok) {
    const { error, problems = [] } = await response.json();
    if (response.status === 401 || response.status === 403) token = "";
    alert([error, ...problems].join("\n"));
  }
  await showLeases();
}

/** The time, with the date unless it is today. */
function until(date) {
  const day = date.toDateString() === new Date().toDateString() ? "" : `${date.toLocaleDateString()} `;
  return `${day}${clock(date)}`;
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  starts = [null];
  showLeases();
});
document.getElementById("state").addEventListener("change", () => {
  starts = [null];
  showLeases();
});
let typing = 0;
document.getElementById("text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    starts = [null];
    showLeases();
  }, 250);
});
document.getElementById("leases").addEventListener("click", ({ target }) => {
  const address = target.dataset?.end;
  if (address !== undefined) end(address).catch((error) => alert(error.message));
});
document.getElementById("next").addEventListener("click", (event) => {
  starts.push(event.currentTarget.dataset.after);
  showLeases();
});
document.getElementById("previous").addEventListener("click", () => {
  starts.pop();
  showLeases();
});

showLeases();
// Only the first page is refreshed: further pages would move while they are read.
setInterval(() => starts.length === 1 && document.visibilityState === "visible" && showLeases(), 5_000);
