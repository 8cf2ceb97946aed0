// Builds elements; text is always text, never markup.

const DOT = 0.03; // radius of a landmark, as a share of its face
const NO_ROOM = 0.08; // above a box nearer to the upper edge, as a share of the height
const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function percent(value) {
  return `${(100 * value).toFixed(1)}%`;
}

// Draws a face's box and landmarks in pixels of its photo.
export function faceMark(face, isChosen, choose) {
  const [x0, y0, x1, y1] = face.box;
  const box = svg("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  const points = face.landmarks.map(([cx, cy]) => svg("circle", { cx, cy, r: DOT * (x1 - x0) }));
  const attributes = choose ? { onclick: choose } : {};
  return svg("g", { class: isChosen ? "chosen" : "", ...attributes }, box, ...points);
}

// Numbers a face at the top of its box; the place is a share of the photo, so it holds at any size.
export function faceNumber(face, number, { width, height }, isChosen) {
  const chip = html("span", { class: isChosen ? "chip chosen" : "chip", "aria-hidden": "true" }, `${number}`);
  chip.style.left = `${(100 * Math.max(0, face.box[0])) / width}%`;
  const top = Math.max(0, face.box[1]) / height;
  chip.style.top = `${100 * top}%`;
  if (top < NO_ROOM) chip.classList.add("within");
  return chip;
}

// Returns the answer about a face: its name, warnings, and a bar for each class.
export function answerPanel(face) {
  const isUnsure = face.answer !== face.label;
  const bars = Object.entries(face.scores).map(([name, value]) => {
    const fill = html("div", { class: "fill" });
    fill.style.width = `${100 * value}%`;
    return html("li", { class: name === face.label ? "top" : null },
      html("span", {}, name), html("div", { class: "track", "aria-hidden": "true" }, fill),
      html("span", { class: "number" }, percent(value)));
  });
  return [
    html("p", { class: "answer" }, isUnsure ? "Not sure" : face.label),
    ...(isUnsure ? [html("p", { class: "unsure" }, `Perhaps ${face.label} (${percent(face.probability)}).`)] : []),
    ...(face.warnings.length ? [html("p", { class: "warning" }, html("strong", {}, "Doubtful"), ` \u2013 ${face.warnings.join("; ")}`)] : []),
    html("ul", { class: "bars", "aria-label": "Calibrated probability of each class" }, ...bars),
  ];
}

// Says the answer about a face, for ears.
export function inWords(face) {
  const percentage = `${Math.round(100 * face.probability)} percent`;
  const answer = face.answer === face.label ? `${face.label}, ${percentage}` : `not sure, perhaps ${face.label}, ${percentage}`;
  return [answer, ...face.warnings].join("; ");
}
