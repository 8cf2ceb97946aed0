// Shows which regions of a face speak for its answer: the exact terms of its logit.

import { html, svg } from "./elements.js";

const QUARTERS = 4;

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function side(value) {
  return value < 0 ? "against" : "for";
}

function map(title, regions, photo, view, largest) {
  const { url, width, height } = photo;
  const shaded = regions.map(({ corners, added, name }) =>
    svg("polygon", {
      points: corners.map((corner) => corner.join()).join(" "),
      class: side(added),
      "fill-opacity": (0.08 + (0.67 * Math.abs(added)) / largest).toFixed(3),
    }, svg("title", {}, `${name} ${signed(added)}`)));
  const picture = svg("image", { href: url, width, height });
  return html("figure", {},
    svg("svg", { viewBox: view.join(" "), role: "img", "aria-label": `${title}; the table has the numbers` }, picture, ...shaded),
    html("figcaption", {}, title));
}

function line(name, value, kind = null) {
  return html("tr", { class: kind }, html("th", { scope: "row" }, name), html("td", { class: side(value) }, signed(value)));
}

export function whyPanel(face, photo) {
  const { added, regions: corners } = face.explanation;
  const label = face.label;
  const regions = Object.entries(corners).map(([name, places]) => ({ name, corners: places, added: added[name] }));
  const others = Object.entries(added).filter(([name]) => !(name in corners));
  const largest = Math.max(1e-6, ...regions.map((region) => Math.abs(region.added)));
  const xs = regions.flatMap((region) => region.corners.map(([x]) => x));
  const ys = regions.flatMap((region) => region.corners.map(([, y]) => y));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const length = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const view = [left, top, length, length];
  const quarters = regions.filter((_, index) => regions.length > 5 && index < QUARTERS);
  const salient = regions.filter((region) => !quarters.includes(region));
  const maps = [["Quarters of the face", quarters], ["Salient regions", salient]]
    .filter(([, shown]) => shown.length)
    .map(([title, shown]) => map(title, shown, photo, view, largest));
  return html("section", { class: "why", "aria-label": `Why ${label}` },
    html("h3", {}, `Evidence for ${label}`),
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
          ...regions.map((region) => line(region.name, region.added)),
          ...others.map(([name, value]) => line(name, value, "sum"))))));
}
