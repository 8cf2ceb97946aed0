// Shows which regions of a face speak for its answer: the exact terms of the local logit.

import { html, svg } from "./elements.js";

const QUARTERS = 4;

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function side(value) {
  return value < 0 ? "against" : "for";
}

function map(title, regions, label, photo, view, largest) {
  const { url, width, height } = photo;
  const shaded = regions.map(({ corners, added, name }) =>
    svg("polygon", {
      points: corners.map((corner) => corner.join()).join(" "),
      class: side(added[label]),
      "fill-opacity": (0.08 + (0.67 * Math.abs(added[label])) / largest).toFixed(3),
    }, svg("title", {}, `${name} ${signed(added[label])}`)));
  const picture = svg("image", { href: url, width, height });
  return html("figure", {},
    svg("svg", { viewBox: view.join(" "), role: "img", "aria-label": `${title}; the table has the numbers` }, picture, ...shaded),
    html("figcaption", {}, title));
}

function line(name, value, kind = null) {
  return html("tr", { class: kind }, html("th", { scope: "row" }, name), html("td", { class: side(value) }, signed(value)));
}

export function whyPanel(face, photo) {
  const { regions, bias, local, global } = face.contributions;
  const label = face.label;
  const largest = Math.max(1e-6, ...regions.map(({ added }) => Math.abs(added[label])));
  const xs = regions.flatMap(({ corners }) => corners.map(([x]) => x));
  const ys = regions.flatMap(({ corners }) => corners.map(([, y]) => y));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const length = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const view = [left, top, length, length];
  const quarters = regions.filter((_, index) => regions.length > 5 && index < QUARTERS);
  const salient = regions.filter((region) => !quarters.includes(region));
  const maps = [["Quarters of the face", quarters], ["Salient regions", salient]]
    .filter(([, shown]) => shown.length)
    .map(([title, shown]) => map(title, shown, label, photo, view, largest));
  return html("section", { class: "why", "aria-label": `Why ${label}` },
    html("h3", {}, `What speaks for ${label}`),
    html("div", { class: "split" },
      html("div", {},
        html("div", { class: "maps" }, ...maps),
        html("ul", { class: "legend" },
          html("li", {}, html("span", { class: "swatch for" }), "speaks for it"),
          html("li", {}, html("span", { class: "swatch against" }), "speaks against it"),
          html("li", {}, "The stronger the colour, the more it adds."))),
      html("table", {},
        html("caption", {}, `Added to the logit of ${label}, relative to the mean over all classes`),
        html("tbody", {},
          ...regions.map(({ name, added }) => line(name, added[label])),
          line("bias", bias[label]),
          line("local branches, in all", local[label], "sum"),
          line("global branch (whole face)", global[label], "sum")))));
}
