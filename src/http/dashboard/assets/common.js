/**
 * What both dashboards share: elements, theme, live events, charts. Data from the network is inserted as text, never as
 * HTML: clients choose their host names.
 */

/** An element with properties, attributes and children; text stays text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "title") made.title = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Replaces the content of an element unless it is unchanged, so that selections and scroll positions stay. */
export function fill(id, ...children) {
  const place = document.getElementById(id);
  const next = element("div", {}, ...children);
  if (place.dataset.seen === next.innerHTML) return;
  place.dataset.seen = next.innerHTML;
  place.replaceChildren(...next.childNodes);
}

/** A table; columns are `{ name, number, mono, wide, text }`, rows are lists of cells (text or elements). */
export function table(columns, rows) {
  const kind = (column) => ["number", "mono", "wide", "text"].filter((name) => column[name]).join(" ");
  const head = element(
    "tr",
    {},
    columns.map((column) => element("th", { scope: "col", class: kind({ ...column, mono: false }) }, column.name)),
  );
  const body = rows.map((row) =>
    element("tr", {}, row.map((cell, index) => element("td", { class: kind(columns[index]) }, cell)))
  );
  return element(
    "div",
    { class: "scroll" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, body)),
  );
}

export function badge(kind, text) {
  return element("span", { class: `badge ${kind}` }, text);
}

const SHAPES = {
  lost: "M24 4a20 20 0 1 0 0 40 20 20 0 0 0 0-40zm-2.200 26h4.800v4.800h-4.800zm-6.200-11.400c0-4.400 3.600-7" +
    ".600 8.600-7.600s8.400 2.900 8.400 7.200c0 3-1.600 4.600-3.600 6-1.800 1.200-2.400 1.800-2.400 3.400" +
    "h-4.800c0-3.600 1.600-5.100 3.800-6.600 1.500-1 2.100-1.600 2.100-2.800 0-1.700-1.400-2.700-3.500-2." +
    "700s-3.700 1.200-3.800 3.500z",
  good: "M24 4a20 20 0 1 0 0 40 20 20 0 0 0 0-40zm-3.2 29.2-8.4-8.4 3.4-3.4 5 5 11.4-11.4 3.4 3.4z",
  warn: "M24 4 2 42h44zm-2.4 14h4.8v12h-4.8zm0 15h4.8v4.8h-4.8z",
  bad: "M15 4 4 15v18l11 11h18l11-11V15L33 4zm1.6 9.2L24 20.600l7.400-7.400 3.400 3.400-7.400 7.400 7.400 7." +
    "400-3.400 3.400-7.400-7.400-7.400 7.400-3.400-3.400 7.400-7.400-7.400-7.400z",
};

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat());
  return made;
}

/** The state at the top of the page: a headline, a colour and a shape. */
export function verdict(kind, headline, line, problems = []) {
  const place = document.getElementById("verdict");
  const key = JSON.stringify([kind, headline, line, problems]);
  if (place.dataset.seen === key) return;
  place.dataset.seen = key;
  place.className = `verdict ${kind}`;
  const shape = svg(
    "svg",
    { viewBox: "0 0 48 48", "aria-hidden": "true" },
    svg("path", { d: SHAPES[kind], fill: "currentColor" }),
  );
  const list = problems.length === 0
    ? []
    : [element("ul", { class: "problems" }, problems.map((problem) => element("li", {}, problem)))];
  place.replaceChildren(shape, element("h1", {}, headline), element("p", {}, line), ...list);
  const words = { good: "✓", warn: "!", bad: "✕", lost: "?" };
  document.title = `${words[kind]} ${headline}`;
}

/** Light or dark theme; by default the system's. */
export function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // No storage: the choice is not remembered.
  }
  const button = document.getElementById("theme");
  const apply = () => {
    const now = chosen ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = now;
    button.textContent = now === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${now === "dark" ? "light" : "dark"} colours`);
  };
  button.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // No storage: the choice is not remembered.
    }
    apply();
  });
  dark.addEventListener("change", apply);
  apply();
}

/** Silence after which the connection counts as lost; a status arrives every second. */
const SILENCE_MS = 5_000;
const AGAIN_MS = 3_000;

/**
 * Follows `/events` while the page is open; handlers by event name. During silence the verdict is "No connection": old
 * values must not look current.
 */
export function follow(handlers) {
  let lostSince = null;
  let timer = 0;
  const alive = () => {
    clearTimeout(timer);
    lostSince = null;
    document.body.classList.remove("lost");
    timer = setTimeout(gone, SILENCE_MS);
  };
  const gone = () => {
    lostSince ??= new Date();
    document.body.classList.add("lost");
    verdict("lost", "No connection", `since ${clock(lostSince)}; values below are old. Reconnecting …`);
  };
  const connect = () => {
    const source = new EventSource("/events");
    source.addEventListener("error", () => {
      gone();
      // Browsers reconnect after a lost connection, but not after an error response such as 503.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
    });
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        alive();
        handle(JSON.parse(event.data));
      });
    }
  };
  connect();
}

export function clock(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

export function span(seconds) {
  const units = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  let rest = Math.floor(seconds);
  return units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count}${unit}` : "";
  }).filter(Boolean).join(" ");
}

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
export const number = (value) => NUMBER.format(value);

/** Colour of a node by its position among all ids. */
export function colourOf(id, ids) {
  return `var(--n${Math.max(0, ids.indexOf(id)) % 8})`;
}

/** Values of the last two minutes, by second. */
export class Series {
  #points = [];
  static SECONDS = 120;

  add(value, at = Date.now()) {
    this.#points.push({ at, value });
    while (this.#points.length > 0 && this.#points[0].at < at - 1_000 * Series.SECONDS) this.#points.shift();
  }

  get points() {
    return this.#points;
  }

  get last() {
    return this.#points.at(-1)?.value;
  }
}

/** Rate of a monotonic counter. */
export class Rate {
  #before = null;

  /** Per second since the last time that told one; undefined at first, after a restart, and when that was just now. */
  of(count) {
    const now = performance.now();
    const seconds = this.#before === null ? 0 : (now - this.#before.at) / 1_000;
    if (this.#before !== null && count >= this.#before.count && seconds < 0.5) return undefined;
    const rate = this.#before === null || count < this.#before.count
      ? undefined
      : (count - this.#before.count) / seconds;
    this.#before = { count, at: now };
    return rate;
  }
}

/** Lines over the last two minutes. `lines` are `{ name, colour, series }`. */
export function chart(id, lines, { unit = "", format = number } = {}) {
  const place = document.getElementById(id);
  const width = Math.max(240, place.clientWidth);
  const height = 152;
  const [left, bottom, top] = [52, 20, 8];
  const values = lines.flatMap(({ series }) => series.points.map(({ value }) => value)).filter(Number.isFinite);
  const highest = niceCeiling(Math.max(0, ...values));
  const now = Date.now();
  const x = (at) => left + (width - left) * (1 - (now - at) / (1_000 * Series.SECONDS));
  const y = (value) => top + (height - top - bottom) * (1 - value / highest);
  const grid = [0, highest / 2, highest].flatMap((value) => [
    svg("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }),
    Object.assign(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }), {
      textContent: `${format(value)}`,
    }),
  ]);
  const times = [[-120, "start"], [-60, "middle"], [0, "end"]].map(([seconds, anchor]) =>
    Object.assign(svg("text", { x: x(now + 1_000 * seconds), y: height - 4, "text-anchor": anchor }), {
      textContent: seconds === 0 ? `now${unit === "" ? "" : `, ${unit}`}` : `${seconds} s`,
    })
  );
  const paths = lines.map(({ colour, series }) => {
    let drawn = "";
    let pen = "M";
    for (const { at, value } of series.points) {
      if (!Number.isFinite(value)) pen = "M";
      else {
        drawn += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
      }
    }
    const path = svg("path", { d: drawn });
    path.style.stroke = colour;
    return path;
  });
  const label = lines.map(({ name, series }) =>
    `${name} ${Number.isFinite(series.last) ? format(series.last) : "none"}`
  );
  const drawing = svg("svg", {
    class: "chart",
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": label.join(", "),
  });
  drawing.append(...grid, ...times, ...paths);
  place.replaceChildren(drawing);
}

function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

/** A list with a coloured dot for each line of a chart. */
export function legend(entries) {
  return element(
    "ul",
    { class: "legend" },
    entries.map(({ colour, text }) => {
      const dot = element("span", { class: "dot" });
      dot.style.background = colour;
      return element("li", {}, dot, text);
    }),
  );
}

/** The last events, newest first. */
export class EventList {
  #lines = [];
  #id;
  #seen = new Set();

  constructor(id) {
    this.#id = id;
  }

  add(time, kind, text) {
    // After a reconnection the program repeats the last lines.
    const key = `${time} ${text}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#lines.unshift({ time, kind, text, key });
    for (const { key } of this.#lines.splice(200)) this.#seen.delete(key);
    this.draw();
  }

  draw() {
    fill(
      this.#id,
      this.#lines.length === 0 ? element("p", { class: "empty" }, "No events yet.") : element(
        "ol",
        { class: "events" },
        this.#lines.slice(0, 100).map(({ time, kind, text }) =>
          element(
            "li",
            {},
            element("time", { datetime: time }, clock(new Date(time))),
            element("span", { class: kind }, text),
          )
        ),
      ),
    );
  }
}
