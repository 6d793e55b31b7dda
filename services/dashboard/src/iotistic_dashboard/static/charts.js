// Draws the metrics of one device, in the page's own colours, and draws on while the page is open.
"use strict";
(() => {
  const board = document.getElementById("charts");
  if (!board) return;
  const drawn = new Map();

  const colour = (name) => {
    const probe = document.createElement("span");
    probe.className = "probe";
    probe.style.color = `var(${name})`;
    board.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  const say = (value, unit) => {
    if (value === null || value === undefined) return "–";
    const [amount, word] = unit === "MiB" && Math.abs(value) >= 1024 ? [value / 1024, "GiB"] : [value, unit];
    return `${Math.round(amount * 100) / 100}${word ? ` ${word}` : ""}`;
  };

  const options = (holder, width) => {
    const [soft, line, accent] = ["--soft", "--line", "--accent"].map(colour);
    const unit = holder.dataset.unit;
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      width,
      height: 220,
      cursor: { sync: { key: "device" }, drag: { x: true, y: false } },
      legend: { live: true },
      axes: [
        { ...axis, values: (_chart, ticks) => ticks.map(clock) },
        { ...axis, size: 72, values: (_chart, ticks) => ticks.map((tick) => say(tick, unit)) },
      ],
      series: [
        { label: "Time", value: (_chart, at) => (at ? clock(at) : "–") },
        { label: "Value", stroke: accent, width: 2, fill: accent.replace("rgb(", "rgba(").replace(")", ", .1)"), points: { show: false }, value: (_chart, value) => say(value, unit) },
      ],
    };
  };

  const draw = (series) => {
    for (const holder of board.querySelectorAll("[data-metric]")) {
      const columns = series[holder.dataset.metric];
      if (!columns) continue;
      const chart = drawn.get(holder);
      if (chart) {
        chart.setData(columns);
      } else {
        drawn.set(holder, new uPlot(options(holder, holder.clientWidth), columns, holder));
      }
    }
  };

  const load = async () => {
    const answer = await fetch(board.dataset.source, { headers: { Accept: "application/json" } });
    if (answer.ok) draw(await answer.json());
  };

  const again = () => {
    for (const [holder, chart] of drawn) { chart.destroy(); drawn.delete(holder); }
    load();
  };

  load();
  setInterval(load, 15000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new ResizeObserver(() => {
    for (const [holder, chart] of drawn) chart.setSize({ width: holder.clientWidth, height: 220 });
  }).observe(board);
})();
