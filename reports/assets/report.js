// Draws the minute curve. Every figure in it is also in the table below the chart.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const box = document.getElementById("chart");
  if (!box) return;
  document.getElementById("refund-view").hidden = false;

  const MINUTE = 60000;
  const units = 10 ** data.digits;
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const whole = new Intl.NumberFormat("en");
  const exact = new Intl.NumberFormat("en", { minimumFractionDigits: data.digits, maximumFractionDigits: data.digits });
  const money = (minor) => exact.format(minor / units);
  const escape = echarts.format.encodeHTML;
  const first = data.minute_ms[0];
  const last = data.minute_ms[data.minute_ms.length - 1] + MINUTE;
  const lanes = [
    { kind: "explanation", name: "Shown" },
    { kind: "flash_sale", name: "Flash" },
    { kind: "pin", name: "Pins" },
    { kind: "coupon", name: "Coupons" },
  ].filter((lane) => data.markers.some((marker) => marker.kind === lane.kind));

  let chart = null;
  let view = "cash";
  let zoom = [first, last];

  const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  // Points stand in the middle of their minute, so that a bar covers the minute it belongs to.
  const points = (values) => values.map((value, i) => [data.minute_ms[i] + MINUTE / 2, value]);
  const spanEnd = (marker) => marker.end ?? (marker.kind === "explanation" || marker.kind === "flash_sale" ? last : null);
  const clock = (ms) => new Date(ms).toISOString().slice(11, 16);

  function panels() {
    const printed = "print" in document.documentElement.dataset;
    const scale = printed ? 0.7 : box.clientWidth < 560 ? 0.82 : 1;
    const heights = [
      { key: "sales", height: 210 * scale },
      { key: "online", height: 96 * scale },
      { key: "engagement", height: 84 * scale },
      { key: "likes", height: 64 * scale },
    ];
    if (lanes.length) heights.push({ key: "lanes", height: lanes.length * 26 });
    let top = 26;
    for (const panel of heights) {
      panel.top = top;
      top += panel.height + 38;
    }
    const zoomable = data.minute_ms.length > 45 && !printed;
    return { list: heights, zoomable, height: top + (zoomable ? 34 : 0) - 8 };
  }

  function legend(parts) {
    const rich = {};
    const text = parts.map(([name, color], i) => {
      rich[`s${i}`] = { backgroundColor: color, width: 9, height: 9, borderRadius: 2 };
      rich[`t${i}`] = { color: tone("soft"), fontSize: 12, padding: [0, 12, 0, 5] };
      return `{s${i}|}{t${i}|${name}}`;
    });
    return { text: text.join(""), rich };
  }

  // The label of a span is cut to the room it has at the present zoom.
  function spanAreas(lane, index, width) {
    const perPixel = (zoom[1] - zoom[0]) / width;
    return data.markers.filter((marker) => marker.kind === lane.kind && spanEnd(marker) !== null).map((marker) => {
      const start = Math.max(marker.start, first);
      const end = Math.min(Math.max(spanEnd(marker), start), last);
      const fits = Math.floor(((Math.min(end, zoom[1]) - Math.max(start, zoom[0])) / perPixel - 8) / 6.2);
      const text = fits >= marker.label.length ? marker.label : fits > 3 ? `${marker.label.slice(0, fits - 1)}…` : "";
      const flash = marker.kind === "flash_sale";
      return [
        {
          xAxis: start, yAxis: index - 0.36,
          itemStyle: { color: tone(flash ? "open-paper" : "span"), borderColor: tone("card"), borderWidth: 1 },
          label: { show: text !== "", position: "inside", formatter: () => text, color: tone(flash ? "open" : "span-ink"), fontSize: 11 },
        },
        { xAxis: end, yAxis: index + 0.36 },
      ];
    });
  }

  function tooltip(items) {
    const at = items[0].axisValue;
    const i = Math.min(Math.max(Math.floor((at - first) / MINUTE), 0), data.minute_ms.length - 1);
    const start = data.minute_ms[i];
    const line = (name, value, color) =>
      `<tr><td><span style="color:${color}">■</span> ${name}</td><td style="text-align:right;padding-left:16px">${value}</td></tr>`;
    const rows = [
      line(`GMV ${escape(data.currency)}`, money(data.gmv[i]), tone("accent")),
      line("Orders", whole.format(data.orders[i]), tone("accent")),
      line("Refunds, cash", money(data.cash[i]), tone("refund")),
      line("Refunds, cohort", money(data.cohort[i]), tone("refund")),
      line("Viewers online", whole.format(data.online[i]), tone("viewers")),
      line("Clicks", whole.format(data.clicks[i]), tone("clicks")),
      line("Comments", whole.format(data.chats[i]), tone("chats")),
      line("Likes", whole.format(data.likes[i]), tone("likes")),
    ];
    const shown = data.markers
      .filter((marker) => marker.start < start + MINUTE && (spanEnd(marker) ?? marker.start + 1) > start)
      .map((marker) => `${lanes.find((lane) => lane.kind === marker.kind).name}: ${escape(marker.label)}`);
    const below = shown.length
      ? `<div style="margin-top:6px;padding-top:6px;border-top:1px solid ${tone("line")};max-width:240px;white-space:normal">${shown.join("<br>")}</div>`
      : "";
    return `<b>${clock(start)} UTC</b><table class="tip" style="font-size:12px;width:auto">${rows.join("")}</table>${below}`;
  }

  function option() {
    const layout = panels();
    const narrow = box.clientWidth < 560;
    const left = 60;
    const right = 10;
    const width = box.clientWidth - left - right;
    const soft = tone("soft");
    const bottom = layout.list.length - 1;
    const lane = layout.list.findIndex((panel) => panel.key === "lanes");
    const titles = {
      sales: [[`GMV, ${data.currency}`, tone("accent")], [view === "cash" ? "Refunds, when refunded" : "Refunds, when sold", tone("refund")]],
      online: [["Viewers online", tone("viewers")]],
      engagement: [["Product clicks", tone("clicks")], ["Comments", tone("chats")]],
      likes: [["Likes", tone("likes")]],
      lanes: [["What the host showed", tone("span")]],
    };
    const line = (name, panel, values, color, area) => ({
      name, type: "line", xAxisIndex: panel, yAxisIndex: panel, data: points(values), showSymbol: false, sampling: "max",
      lineStyle: { width: 1.6, color }, itemStyle: { color }, areaStyle: area ? { color, opacity: 0.14 } : undefined,
    });
    const bars = (name, values, color) => ({
      name, type: "bar", data: points(values), itemStyle: { color }, barGap: "-100%", barCategoryGap: "22%", barMaxWidth: 26,
    });
    const flashes = data.markers.filter((marker) => marker.kind === "flash_sale");
    const sales = bars("GMV", data.gmv, tone("accent"));
    sales.markArea = {
      silent: true,
      data: flashes.map((marker) => [{ xAxis: marker.start, itemStyle: { color: tone("flash"), opacity: 0.11 } }, { xAxis: spanEnd(marker) }]),
    };
    const refunds = bars("Refunds", data[view].map((value) => -value), tone("refund"));
    const series = [
      sales,
      refunds,
      line("Viewers online", 1, data.online, tone("viewers"), true),
      line("Clicks", 2, data.clicks, tone("clicks"), false),
      line("Comments", 2, data.chats, tone("chats"), false),
      line("Likes", 3, data.likes, tone("likes"), true),
    ];
    lanes.forEach((each, index) => {
      const moments = data.markers.filter((marker) => marker.kind === each.kind && spanEnd(marker) === null);
      series.push({
        name: each.name, type: "scatter", xAxisIndex: lane, yAxisIndex: lane, silent: true,
        symbol: each.kind === "coupon" ? "diamond" : "circle", symbolSize: each.kind === "coupon" ? 11 : 8,
        itemStyle: { color: tone(each.kind === "coupon" ? "likes" : "clicks") },
        data: moments.map((marker) => [marker.start, index]),
        markArea: { silent: true, data: spanAreas(each, index, width) },
      });
    });
    return {
      animation: false,
      useUTC: true,
      aria: { enabled: false },
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      title: layout.list.map((panel) => {
        const { text, rich } = legend(titles[panel.key]);
        return { text, left: left - 5, top: panel.top - 25, padding: 5, textStyle: { rich, fontWeight: "normal" } };
      }),
      grid: layout.list.map((panel) => ({ left, right, top: panel.top, height: panel.height, outerBoundsMode: "none" })),
      // containShape would squeeze the panel with bars, and its minutes would stand beside the others.
      xAxis: layout.list.map((panel, i) => ({
        type: "time", gridIndex: i, min: first, max: last, containShape: false, splitNumber: narrow ? 4 : 10,
        axisLine: { onZero: false, lineStyle: { color: tone("line") } }, axisTick: { show: false }, splitLine: { show: false },
        axisLabel: { show: i === bottom, color: soft, hideOverlap: true, alignMaxLabel: "right", formatter: { year: "{HH}:{mm}", month: "{HH}:{mm}", day: "{HH}:{mm}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}", none: "" } },
        axisPointer: { show: true, snap: true, label: { show: false }, lineStyle: { color: soft, type: "solid", width: 1, opacity: 0.5 } },
      })),
      yAxis: layout.list.map((panel, i) => panel.key === "lanes"
        ? {
          type: "value", gridIndex: i, min: -0.5, max: lanes.length - 0.5, interval: 1, inverse: true,
          axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false },
          axisLabel: { color: soft, fontSize: 11, customValues: lanes.map((_, index) => index), formatter: (value) => lanes[Math.round(value)]?.name ?? "" },
        }
        : {
          type: "value", gridIndex: i, splitNumber: panel.key === "sales" ? 4 : 2, minInterval: panel.key === "sales" ? undefined : 1,
          axisLabel: { color: soft, fontSize: 11, formatter: (value) => compact.format(panel.key === "sales" ? value / units : value) },
          splitLine: { lineStyle: { color: tone("line") } }, axisLine: { show: false }, axisTick: { show: false },
        }),
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: {
        trigger: "axis", confine: true, formatter: tooltip, backgroundColor: tone("card"), borderColor: tone("line"),
        textStyle: { color: tone("ink"), fontSize: 12 }, extraCssText: "box-shadow:0 6px 24px rgba(0,0,0,.14);border-radius:9px",
      },
      dataZoom: layout.zoomable
        ? [{
          type: "slider", xAxisIndex: layout.list.map((_, i) => i), bottom: 4, height: 20, left, right, startValue: zoom[0], endValue: zoom[1],
          brushSelect: false, showDetail: false, showDataShadow: false, borderColor: tone("line"), fillerColor: tone("track"),
          backgroundColor: "transparent", handleStyle: { color: tone("card"), borderColor: soft }, moveHandleSize: 0,
        }]
        : [],
      series,
    };
  }

  function draw() {
    const height = `${panels().height}px`;
    if (box.style.height !== height) box.style.height = height;
    if (!chart) {
      chart = echarts.init(box, null, { renderer: "svg" });
      chart.on("datazoom", () => {
        const { startValue, endValue } = chart.getOption().dataZoom[0];
        zoom = [startValue, endValue];
        chart.setOption({ series: option().series });
      });
    }
    chart.resize();
    chart.setOption(option(), { notMerge: true });
  }

  for (const input of document.querySelectorAll("#refund-view input")) {
    input.addEventListener("change", () => {
      view = input.value;
      draw();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
  // Paper is white and narrower than most screens.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.print = "";
    box.style.width = "670px";
    draw();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.print;
    box.style.width = "";
    draw();
  });
  draw();
})();
