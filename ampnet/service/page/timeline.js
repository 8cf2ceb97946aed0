// The last minute of the camera's nearest face: for each class its smoothed probability, and the average.

import { html } from "./elements.js";

const SPAN_MS = 60_000;
const SMOOTH_MS = 700;
const GAP_MS = 1500;

// Draws one class: an area below its probability, from 0 at the bottom to 1 at the top.
function draw(canvas, points, now, name) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  pen.scale(ratio, ratio);
  pen.fillStyle = pen.strokeStyle = style.getPropertyValue("--accent");
  pen.lineWidth = 1.5;
  const place = ({ time, values }) => [width * (1 - (now - time) / SPAN_MS), 1 + (height - 2) * (1 - values[name])];
  for (const run of stretches(points)) {
    const line = new Path2D();
    for (const point of run) line.lineTo(...place(point));
    const area = new Path2D(line);
    area.lineTo(place(run.at(-1))[0], height);
    area.lineTo(place(run[0])[0], height);
    pen.globalAlpha = 0.35;
    pen.fill(area);
    pen.globalAlpha = 1;
    pen.stroke(line);
  }
}

// Returns the points in stretches with a face and without a break.
function stretches(points) {
  const found = [];
  let before = null;
  for (const point of points) {
    if (point.values) {
      if (before?.values && point.time - before.time < GAP_MS) found.at(-1).push(point);
      else found.push([point]);
    }
    before = point;
  }
  return found;
}

export class Timeline {
  constructor(list) {
    this.list = list;
    this.clear();
  }

  clear() {
    this.points = [];
    this.rows = new Map();
    this.list.replaceChildren();
  }

  // Adds the probabilities of a frame; null: no face.
  add(time, scores) {
    const last = this.points.at(-1);
    const goesOn = last?.values && time - last.time < GAP_MS;
    const share = goesOn ? 1 - Math.exp((last.time - time) / SMOOTH_MS) : 1;
    const smooth = ([name, value]) => [name, goesOn ? last.values[name] + share * (value - last.values[name]) : value];
    this.points.push({ time, values: scores && Object.fromEntries(Object.entries(scores).map(smooth)) });
    while (this.points[0].time < time - SPAN_MS) this.points.shift();
    if (scores && !this.rows.size) this.begin(Object.keys(scores));
    this.draw(time);
  }

  begin(names) {
    for (const name of names) {
      const row = { canvas: html("canvas", { "aria-hidden": "true" }), number: html("span", { class: "number" }) };
      this.rows.set(name, row);
      this.list.append(html("li", {}, html("span", {}, name), row.canvas, row.number));
    }
    const ends = html("span", { class: "ends" }, html("span", {}, "a minute ago"), html("span", {}, "now"));
    this.list.append(html("li", { "aria-hidden": "true" }, html("span"), ends));
  }

  draw(now) {
    const seen = this.points.filter(({ values }) => values);
    for (const [name, { canvas, number }] of this.rows) {
      draw(canvas, this.points, now, name);
      const average = seen.reduce((sum, { values }) => sum + values[name], 0) / seen.length;
      number.textContent = seen.length ? `${Math.round(100 * average)}%` : "\u2013";
    }
  }
}
