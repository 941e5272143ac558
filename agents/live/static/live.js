// The live page: takes snapshots from /api/stream and shows them. Text from outside (rooms, KOLs)
// only ever goes through textContent. Money arrives formatted, with the exact integer beside it.

import { MinuteChart } from "./charts.js";

const $ = (id) => document.getElementById(id);
const COUNT = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const DATE_TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
const SILENCE_MS = 5000;
const ANNOUNCE_EVERY_MS = 15000;

let newest = null;
let heardAt = 0;
let announcedAt = 0;
let lost = false;
let over = false;

// What the viewer has chosen stands in the address, so that a wall screen can be opened with it.
const choice = new URLSearchParams(location.hash.slice(1));
const chosen = (name, otherwise) => choice.get(name) ?? otherwise;
function choose(name, value) {
  choice.set(name, value);
  history.replaceState(null, "", `#${choice}`);
  if (newest) render(newest);
}

const charts = {
  orders: new MinuteChart($("orders-chart"), $("orders-now"), "bars", "Orders per minute", (n) => `${COUNT.format(n)} order${n === 1 ? "" : "s"}`),
  money: new MinuteChart($("money-chart"), $("money-now"), "area", "GMV per minute", (amount) => `${COUNT.format(amount)} ${newest ? currencyOf(newest) : ""}`),
};

// --- small helpers -----------------------------------------------------------------------------

function put(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

// Sets a figure; how long it is decides how large it can be (see --glyphs in live.css).
function putFigure(id, text) {
  put(id, text);
  $(id).parentElement.style.setProperty("--glyphs", text.length);
}

function putMoney(id, money) {
  putFigure(id, money?.text ?? "–");
  $(id).dataset.minor = money?.minor ?? "";
  $(id).value = money?.minor ?? "";
}

function putCount(id, count) {
  // Beyond a hundred million a tile has no room for every digit; the title has.
  putFigure(id, count < 1e8 ? COUNT.format(count) : SHORT.format(count));
  $(id).dataset.count = count;
  $(id).title = COUNT.format(count);
}

function cell(text, className = "", tag = "td") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

const salesIn = (scope, currency) => scope.sales.find((one) => one.currency === currency);

function scopeOf(snapshot) {
  return snapshot.rooms.find((room) => room.room_id === chosen("room", "")) ?? snapshot.total;
}

// The chosen currency, or the scope's own where nothing was sold in that one.
function currencyOf(snapshot) {
  const scope = scopeOf(snapshot);
  const wanted = salesIn(scope, chosen("currency", ""));
  return (wanted ?? scope.sales[0])?.currency ?? snapshot.currencies[0] ?? "";
}

// --- sections ----------------------------------------------------------------------------------

function renderControls(snapshot, currency, scope) {
  const select = $("room");
  const rooms = snapshot.rooms.map((room) => [room.room_id, roomName(room)]);
  const wanted = JSON.stringify(rooms);
  if (select.dataset.rooms !== wanted) {
    select.dataset.rooms = wanted;
    select.replaceChildren(...[["", "All rooms"], ...rooms].map(([id, name]) => new Option(name, id)));
  }
  select.value = scope.room_id;
  const group = $("currencies");
  group.hidden = snapshot.currencies.length < 2;
  if (group.dataset.codes !== snapshot.currencies.join()) {
    group.dataset.codes = snapshot.currencies.join();
    group.replaceChildren(
      ...snapshot.currencies.map((code) => {
        const button = cell(code, "", "button");
        button.type = "button";
        button.addEventListener("click", () => choose("currency", code));
        return button;
      }),
    );
  }
  for (const button of group.children) button.setAttribute("aria-pressed", String(button.textContent === currency));
}

function roomName(room) {
  return room.title || room.room_id;
}

function renderMoney(scope, currency) {
  const sales = salesIn(scope, currency);
  putMoney("gmv", sales?.gmv);
  put("currency", currency);
  put("scope", scope.room_id ? `· ${roomName(scope)}` : "");
  putMoney("net", sales?.net);
  putMoney("refunded", sales?.refunded);
  put("refunds", sales ? COUNT.format(sales.refunds) : "");
  putMoney("aov", sales?.aov);
  putCount("orders", sales?.orders ?? 0);
  putCount("units", sales?.units ?? 0);
}

function renderTrust(trust) {
  const { verdict, worker } = trust;
  $("trust").dataset.level = verdict.level;
  put("trust-sentence", verdict.sentence);
  putCount("lag", worker.lag_records);
  put("latency", worker.latency_p50_ms === null ? "–" : `${duration(worker.latency_p50_ms)} / ${duration(worker.latency_p99_ms)}`);
  putCount("consumed", trust.consumed);
  putCount("late", trust.late);
  putCount("duplicates", trust.duplicates);
  putCount("dead-letters", trust.dead_lettered);
  putCount("unaccounted", trust.unaccounted);
  $("dead-letters").classList.toggle("warn", trust.dead_lettered > 0);
  $("unaccounted").classList.toggle("warn", trust.unaccounted > 0);
}

function duration(ms) {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function renderAudience({ activity }) {
  putCount("online", activity.online);
  put("conversion", activity.conversion ?? "–");
  $("conversion-tile").title = `${COUNT.format(activity.buyers)} unique buyers / ${COUNT.format(activity.viewers)} unique viewers`;
  putCount("views", activity.views);
  put("views-note", `by ${COUNT.format(activity.viewers)} people`);
  putCount("likes", activity.likes);
  putCount("chats", activity.chats);
}

function renderCharts(snapshot, scope, currency) {
  const digits = salesIn(scope, currency)?.digits ?? 0;
  const line = scope.lines[currency];
  if (!line) {
    charts.orders.show([], []);
    charts.money.show([], []);
    return;
  }
  // Leave out the minutes before the first sale, so that a young show fills its chart.
  const first = Math.max(line.orders.findIndex((orders, i) => orders || line.gmv_minor[i]), 0);
  const minutes = line.orders.map((_, i) => snapshot.first_minute_s + 60 * i).slice(first);
  charts.orders.show(minutes, line.orders.slice(first));
  charts.money.show(minutes, line.gmv_minor.slice(first).map((minor) => minor / 10 ** digits));
}

function renderBoard(snapshot, currency) {
  const span = chosen("span", "show");
  const rankedBy = chosen("ranked_by", "net_gmv");
  $("span").value = span;
  $("ranked-by").value = rankedBy;
  const board = snapshot.boards.find((one) => one.span === span && one.ranked_by === rankedBy && one.currency === currency);
  const standings = board?.standings ?? [];
  const byRate = rankedBy === "order_rate";
  put("board-count", byRate ? "Ord./views" : "Orders");
  $("board-empty").hidden = standings.length > 0;
  const measure = { net_gmv: (kol) => Number(kol.net.minor), orders: (kol) => kol.orders, order_rate: (kol) => parseFloat(kol.order_rate ?? "0") }[rankedBy];
  const best = Math.max(...standings.map(measure), 0);
  $("board").replaceChildren(
    ...standings.map((kol) => {
      const row = document.createElement("tr");
      const share = best > 0 ? Math.max(measure(kol) / best, 0) : 0;
      row.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
      const name = cell(kol.kol_id, "", "th");
      name.scope = "row";
      name.title = kol.kol_id;
      const net = cell(kol.net.text);
      net.dataset.minor = kol.net.minor;
      row.append(cell(String(kol.rank)), change(kol), name, cell(byRate ? (kol.order_rate ?? "–") : COUNT.format(kol.orders)), net);
      return row;
    }),
  );
}

function change(kol) {
  if (kol.is_new) return cell("new", "new");
  if (kol.change === null) return cell("");
  if (kol.change === 0) return cell("=", "same");
  const up = kol.change > 0;
  const places = Math.abs(kol.change);
  const element = cell(`${up ? "▲" : "▼"}${places}`, up ? "up" : "down");
  element.setAttribute("aria-label", `${up ? "up" : "down"} ${places}`);
  return element;
}

function renderRooms(snapshot, currency, scope) {
  document.body.dataset.rooms = snapshot.rooms_known > 1 ? "many" : "one";
  const listed = snapshot.rooms.length < snapshot.rooms_known ? `${snapshot.rooms.length} listed, ` : "";
  put("rooms-count", `${listed}${COUNT.format(snapshot.rooms_on_air)} of ${COUNT.format(snapshot.rooms_known)} on air`);
  const focused = document.activeElement?.dataset?.room;
  $("rooms").replaceChildren(
    ...snapshot.rooms.map((room) => {
      const row = document.createElement("tr");
      const sales = salesIn(room, currency) ?? room.sales[0];
      row.setAttribute("aria-current", String(room.room_id === scope.room_id));
      const name = cell("", "", "th");
      name.scope = "row";
      const button = cell(roomName(room), "", "button");
      button.type = "button";
      button.title = `${roomName(room)} · ${room.kol_id}`;
      button.dataset.room = room.room_id;
      button.addEventListener("click", () => choose("room", room.room_id === scope.room_id ? "" : room.room_id));
      name.append(button);
      const air = cell(room.on_air ? "●" : "○", room.on_air ? "on" : "");
      air.setAttribute("aria-label", room.on_air ? "on air" : "ended");
      const foreign = sales && sales.currency !== currency ? ` ${sales.currency}` : "";
      const gmv = cell(sales ? sales.gmv.text + foreign : "–");
      gmv.dataset.minor = sales?.gmv.minor ?? "";
      row.append(air, name, cell(COUNT.format(room.activity.online)), cell(COUNT.format(sales?.orders ?? 0)), gmv);
      return row;
    }),
  );
  if (focused) document.querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
}

function announce(scope, currency, trust) {
  // A screen reader would never end if it were told every second.
  if (Date.now() - announcedAt < ANNOUNCE_EVERY_MS) return;
  announcedAt = Date.now();
  const sales = salesIn(scope, currency);
  if (sales) put("announcer", `GMV ${sales.gmv.text} ${currency}, ${trust.verdict.sentence}`);
}

function render(snapshot) {
  const currency = currencyOf(snapshot);
  const scope = scopeOf(snapshot);
  renderControls(snapshot, currency, scope);
  renderMoney(scope, currency);
  renderTrust(snapshot.trust);
  renderAudience(scope);
  renderCharts(snapshot, scope, currency);
  renderBoard(snapshot, currency);
  renderRooms(snapshot, currency, scope);
  announce(scope, currency, snapshot.trust);
  put("finality", snapshot.state === "ended" ? "provisional: refunds may still come" : "");
  put("as-of", snapshot.as_of_ms ? `${DATE_TIME.format(snapshot.as_of_ms)} UTC` : "–");
  if (snapshot.as_of_ms) $("as-of").dateTime = new Date(snapshot.as_of_ms).toISOString();
}

// --- connection --------------------------------------------------------------------------------

function renderConnection() {
  const ended = over || newest?.state === "ended";
  const silent = heardAt && Date.now() - heardAt > SILENCE_MS;
  let state = "live";
  let words = "live";
  if (ended) [state, words] = ["ended", "the show has ended"];
  else if (lost) [state, words] = ["reconnecting", "reconnecting…"];
  else if (!heardAt) [state, words] = ["connecting", "connecting…"];
  else if (silent) [state, words] = ["silent", `no news for ${Math.round((Date.now() - heardAt) / 1000)} s`];
  document.body.dataset.state = state;
  put("connection", words);
}

function take(event) {
  newest = JSON.parse(event.data);
  heardAt = Date.now();
  lost = false;
  $("trouble").hidden = true;
  render(newest);
  renderConnection();
}

function connect() {
  const stream = new EventSource("/api/stream");
  stream.addEventListener("snapshot", take);
  stream.addEventListener("ended", (event) => {
    over = true;
    stream.close();
    take(event);
  });
  stream.addEventListener("trouble", (event) => {
    heardAt = Date.now();
    lost = false;
    put("trouble", JSON.parse(event.data).sentence);
    $("trouble").hidden = false;
    renderConnection();
  });
  stream.addEventListener("error", () => {
    lost = true;
    renderConnection();
    // The browser itself comes back after a broken connection, but gives up after a refusal.
    if (stream.readyState === EventSource.CLOSED && !over) setTimeout(connect, 3000);
  });
}

$("room").addEventListener("change", (event) => choose("room", event.target.value));
$("span").addEventListener("change", (event) => choose("span", event.target.value));
$("ranked-by").addEventListener("change", (event) => choose("ranked_by", event.target.value));
setInterval(renderConnection, 1000);
connect();
