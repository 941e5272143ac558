// A line of minutes as a uPlot chart. The last minute is still filling and is drawn fainter.

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
// A show that has just begun would otherwise start with one bar as wide as the chart.
const LEAST_MINUTES = 15;
// Nobody places half an order: 1, 2, 5, 10, 20, 50, …
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

export const clockTime = (seconds) => TIME.format(seconds * 1000);

export class MinuteChart {
  // kind is "bars" or "area"; describe(value) says a value in words.
  constructor(box, note, kind, title, describe) {
    Object.assign(this, { box, note, title, describe });
    this.minutes = [];
    this.values = [];
    const css = getComputedStyle(box);
    const ink = css.getPropertyValue("--ink").trim();
    const axis = {
      stroke: css.getPropertyValue("--soft").trim(),
      grid: { stroke: css.getPropertyValue("--line").trim(), width: 1 },
      ticks: { show: false },
      font: `${parseFloat(css.fontSize) * 0.72}px ${css.fontFamily}`,
    };
    const paths = kind === "bars" ? uPlot.paths.bars({ size: [0.72, 48] }) : undefined;
    const series = (extra) => ({ stroke: ink, width: kind === "bars" ? 0 : 2, paths, points: { show: false }, ...extra });
    this.plot = new uPlot(
      {
        ...this.size(),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { show: false } },
        padding: [8, 18, 0, 0],
        scales: {
          x: { time: true, range: (_, low, high) => [Math.min(low, high - 60 * LEAST_MINUTES) - 30, high + 30] },
          y: { range: (_, __, high) => [0, Math.max(high, 4) * 1.08] },
        },
        axes: [
          { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map(clockTime), space: 64, size: 26 },
          { ...axis, incrs: WHOLE_STEPS, values: (_, ticks) => ticks.map((tick) => SHORT.format(tick)), space: 32, size: 44 },
        ],
        series: [
          {},
          series({ fill: ink + (kind === "bars" ? "d9" : "2e") }),
          series(kind === "bars" ? { fill: ink + "55" } : { dash: [4, 4], fill: ink + "14" }),
        ],
        hooks: { setCursor: [() => this.tell()] },
      },
      [[], [], []],
      box,
    );
    this.kind = kind;
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(box);
  }

  size() {
    return { width: Math.max(this.box.clientWidth, 100), height: Math.max(this.box.clientHeight, 80) };
  }

  show(minutes, values) {
    this.minutes = minutes;
    this.values = values;
    this.box.hidden = !values.length;
    this.box.previousElementSibling.hidden = values.length > 0;
    const last = values.length - 1;
    // The dashed end of an area begins at the last full minute.
    const faintFrom = this.kind === "bars" ? last : last - 1;
    this.plot.setData([
      minutes,
      values.map((value, i) => (i < last ? value : null)),
      values.map((value, i) => (i >= faintFrom ? value : null)),
    ]);
    this.tell();
    this.box.setAttribute("aria-label", this.summary());
  }

  tell() {
    const under = this.plot?.cursor?.idx;
    const hovering = under != null && this.plot.cursor.left >= 0;
    const i = hovering ? under : this.values.length - 2;
    const value = this.values[i];
    this.note.textContent = value === undefined ? "" : `${clockTime(this.minutes[i])} · ${this.describe(value)}`;
  }

  summary() {
    const full = this.values.slice(0, -1);
    if (!full.length) return this.title;
    const peak = Math.max(...full);
    const at = clockTime(this.minutes[full.indexOf(peak)]);
    return `${this.title}: last full minute ${this.describe(full[full.length - 1])}, peak ${this.describe(peak)} at ${at} UTC`;
  }
}
