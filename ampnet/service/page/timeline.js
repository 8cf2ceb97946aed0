// The last minute of the camera's nearest face: a smoothed line for each class.

import { html } from "./elements.js";

const SPAN_MS = 60_000;
const SMOOTH_MS = 700;
const GAP_MS = 1500;
const LIGHT = ["#b45309", "#6d28d9", "#4d7c0f", "#be185d", "#1d4ed8", "#b91c1c", "#475569", "#0f766e"];
const DARK = ["#fbbf24", "#c4b5fd", "#a3e635", "#f9a8d4", "#93c5fd", "#fca5a5", "#cbd5e1", "#5eead4"];

export class Timeline {
  constructor(canvas, legend) {
    this.canvas = canvas;
    this.legend = legend;
    this.points = [];
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.draw(performance.now()));
  }

  add(time, scores) {
    const last = this.points.at(-1);
    if (scores) {
      const share = last?.values && time - last.time < GAP_MS ? 1 - Math.exp((last.time - time) / SMOOTH_MS) : 1;
      const values = Object.fromEntries(Object.entries(scores).map(([name, value]) => [name, share === 1 ? value : last.values[name] + share * (value - last.values[name])]));
      this.points.push({ time, values });
    } else this.points.push({ time, values: null });
    while (this.points[0].time < time - SPAN_MS) this.points.shift();
    this.draw(time);
  }

  draw(now) {
    const names = Object.keys(this.points.findLast(({ values }) => values)?.values ?? {});
    const colours = this.dark.matches ? DARK : LIGHT;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--line");
    for (const level of [0, 0.5, 1]) {
      const y = 4 + (height - 8) * level;
      pen.beginPath();
      pen.moveTo(0, y);
      pen.lineTo(width, y);
      pen.stroke();
    }
    pen.lineWidth = 2;
    names.forEach((name, index) => {
      pen.strokeStyle = colours[index % colours.length];
      pen.beginPath();
      let before = null;
      for (const { time, values } of this.points) {
        if (values) {
          const place = [width * (1 - (now - time) / SPAN_MS), 4 + (height - 8) * (1 - values[name])];
          if (before !== null && time - before < GAP_MS) pen.lineTo(...place);
          else pen.moveTo(...place);
        }
        before = values ? time : null;
      }
      pen.stroke();
    });
    this.label(names, colours);
  }

  label(names, colours) {
    const key = names.join() + colours[0];
    if (key === this.labelled) return;
    this.labelled = key;
    this.legend.replaceChildren(...names.map((name, index) => {
      const swatch = html("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = colours[index % colours.length];
      return html("li", {}, swatch, name);
    }));
  }
}
