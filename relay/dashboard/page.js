/** The relay's dashboard: where requests go and why, the round-trip time of each node, and rogue DHCP servers. */

import {
  badge,
  chart,
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
  table,
  theme,
  verdict,
} from "../../src/http/dashboard/assets/common.js";

const rtts = new Map();
const traffic = new Map();
const requested = new Map();
const events = new EventList("events");

theme();
events.draw();
follow({
  status: showStatus,
  notice: ({ time, level, message }) => events.add(time, level, message),
});

function showStatus(status) {
  const { nodes, interfaces } = status;
  const ids = nodes.map(({ id }) => id);
  document.getElementById("where").textContent = interfaces.filter(({ up }) => up).map(({ name, giaddr }) =>
    `${name} ${giaddr}`
  ).join(" · ");
  const seconds = (Date.now() - Date.parse(status.startedAt)) / 1_000;
  document.getElementById("version").textContent = `version ${status.version}, up ${span(seconds)}, ${
    number(status.transactions)
  } transactions`;
  showVerdict(status);
  showNodes(nodes, ids);
  showCharts(nodes, ids);
  showInterfaces(status);
}

function showVerdict({ ready, reason, nodes, interfaces, rogueServers, fullSubnets }) {
  const chosen = nodes.filter((node) => node.chosen);
  const able = nodes.filter((node) => node.ready && !node.suspect).length;
  const [first] = chosen;
  const problems = [
    ...interfaces.filter(({ up }) => !up).map(({ name, reason }) => reason ?? `${name} is down`),
    ...rogueServers.map(({ interface: name, server }) => `Rogue DHCP server ${server} on ${name}`),
    ...fullSubnets.map(({ subnet, interfaces }) =>
      `${subnet} (${
        interfaces.join(", ")
      }) is full: its clients get no address; enlarge its pools, or shorten lease times`
    ),
    ...nodes.filter(({ fault }) => fault !== null).map(({ id, fault }) => `Node ${id}: ${fault}`),
  ];
  const headline = chosen.length === 1
    ? `Requests go to node ${first.id}`
    : chosen.length === 0
    ? "No node gets requests"
    : `Requests go to ${chosen.length} nodes at once`;
  const line = !ready ? reason : [
    `${able} of ${nodes.length} nodes can serve`,
    chosen.length === 1 ? first.reason : "",
  ].filter(Boolean).join(" · ");
  verdict(!ready ? "bad" : problems.length > 0 ? "warn" : "good", headline, line, problems);
}

const GRADES = { healthy: "good", probation: "warn", suspect: "bad", notReady: "warn", unreachable: "bad" };
const LABELS = {
  healthy: "healthy",
  probation: "probation",
  suspect: "suspect",
  notReady: "not ready",
  unreachable: "unreachable",
};

function showNodes(nodes, ids) {
  fill(
    "nodes",
    table(
      [
        { name: "node" },
        { name: "address", mono: true, wide: true },
        { name: "state" },
        { name: "round trip", number: true },
        { name: "deviation", number: true, wide: true },
        { name: "loss", number: true, wide: true },
        { name: "requests", number: true },
        { name: "hedges", number: true, wide: true },
        { name: "failovers", number: true, wide: true },
        { name: "reason", wide: true, text: true },
      ],
      nodes.map((node) => {
        const dot = element("span", { class: "dot" });
        dot.style.background = colourOf(node.id, ids);
        return [
          element("span", {}, dot, `${node.id}`),
          node.address,
          element(
            "span",
            {},
            badge(GRADES[node.grade] ?? "plain", LABELS[node.grade] ?? node.grade),
            " ",
            node.chosen ? badge("plain", "chosen") : "",
          ),
          node.rttMs === null ? "–" : element("span", { title: `by ${node.rttSource}` }, milliseconds(node.rttMs)),
          milliseconds(node.deviationMs),
          `${Math.round(100 * node.loss)} %`,
          `${Math.round(100 * node.share)} %`,
          element("span", { title: "requests sent to it because another node was silent" }, number(node.hedges)),
          element("span", { title: "how often it lost the choice because it was not healthy" }, number(node.failovers)),
          node.reason,
        ];
      }),
    ),
  );
}

function showCharts(nodes, ids) {
  for (const { id, rttMs, requests } of nodes) {
    if (!rtts.has(id)) {
      rtts.set(id, new Series());
      traffic.set(id, new Series());
      requested.set(id, new Rate());
    }
    rtts.get(id).add(rttMs ?? NaN);
    const rate = requested.get(id).of(requests);
    if (rate !== undefined) traffic.get(id).add(rate);
  }
  const lines = (series) =>
    nodes.map(({ id }) => ({ name: `node ${id}`, colour: colourOf(id, ids), series: series.get(id) }));
  chart("rtts", lines(rtts), { unit: "ms" });
  chart("traffic", lines(traffic));
  fill(
    "rtt-legend",
    legend(nodes.map(({ id, rttMs }) => ({ colour: colourOf(id, ids), text: `node ${id}: ${milliseconds(rttMs)}` }))),
  );
  fill(
    "traffic-legend",
    legend(
      nodes.map(({ id }) => ({
        colour: colourOf(id, ids),
        text: `node ${id}: ${number(traffic.get(id).last ?? 0)}/s`,
      })),
    ),
  );
}

function showInterfaces({ interfaces, rogueServers }) {
  const sum = (datagrams, wanted) =>
    Object.entries(datagrams ?? {}).filter(([name]) => wanted(name)).reduce((total, [, count]) => total + count, 0);
  fill(
    "interfaces",
    table(
      [
        { name: "interface" },
        { name: "giaddr", mono: true },
        { name: "state" },
        { name: "relayed", number: true },
        { name: "delivered", number: true, wide: true },
        { name: "dropped", number: true, wide: true },
      ],
      interfaces.map(({ name, giaddrs, up, datagrams }) => [
        name,
        giaddrs.join(", "),
        up ? badge("good", "up") : badge("bad", "down"),
        number(sum(datagrams, (outcome) => outcome.startsWith("relayed"))),
        number(sum(datagrams, (outcome) => outcome.startsWith("delivered"))),
        number(sum(datagrams, (outcome) => !/^(relayed|delivered)/.test(outcome))),
      ]),
    ),
  );
  fill(
    "rogues",
    rogueServers.length === 0 ? null : [
      element("h2", {}, "Rogue DHCP servers"),
      table(
        [{ name: "server", mono: true }, { name: "interface" }, { name: "hardware", mono: true }, {
          name: "answers",
          number: true,
        }, { name: "last seen", number: true }],
        rogueServers.map((
          { server, interface: name, mac, replies, secondsAgo },
        ) => [server, name ?? "", mac ?? "", number(replies), `${span(secondsAgo)} ago`]),
      ),
    ],
  );
}
