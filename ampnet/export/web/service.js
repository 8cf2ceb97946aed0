// Answers for the page in place of a service: the model runs in a worker of this browser, and nothing leaves it.

const EVERYTHING_ELSE = "whole face and constants";
const SMALLEST = 1e-12; // probability whose logarithm is still a number

export class ServiceError extends Error {
  status = 0;
}

export function useToken() {}

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let count = 0;
let broken = null;

worker.onmessage = ({ data: { id, found, problem } }) => {
  const { done, failed } = waiting.get(id);
  waiting.delete(id);
  if (problem) failed(new ServiceError(`The model cannot be run in this browser: ${problem}`));
  else done(found);
};
worker.onerror = () => { // of loading it: an old browser, or a file that is not there; what it runs answers for itself
  broken = new ServiceError("The model cannot be run in this browser: a file of the page is missing, or the browser is too old.");
  for (const { failed } of waiting.values()) failed(broken);
  waiting.clear();
};
navigator.serviceWorker?.register("offline.js").catch(() => {}); // a page of a file or an old browser works all the same

let model = null;

export async function askModel() {
  model ??= await (await fetch("model.json")).json();
  return model;
}

export async function askCard() {
  return null;
}

// Returns the upright pixels of a picture; none of its colour profiles is applied, as ampnet applies none.
async function pixelsOf(file) {
  const picture = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}

function run(pixels) {
  return new Promise((done, failed) => {
    if (broken) throw broken;
    count += 1;
    waiting.set(count, { done, failed });
    worker.postMessage({ id: count, ...pixels }, [pixels.rgba.buffer]);
  });
}

// Cuts a flat list into parts of so many entries.
function parts(values, length) {
  return Array.from({ length: values.length / length }, (_, part) => [...values.slice(part * length, (part + 1) * length)]);
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Takes the logit of the answer apart, relative to the mean over all classes.
function explanation(shares, label, contributions, corners) {
  const logs = shares.map((share) => Math.log(Math.max(share, SMALLEST)));
  const added = {};
  let rest = logs[label] - mean(logs);
  model.region_names.forEach((name, region) => {
    added[name] = contributions[region][label] - mean(contributions[region]);
    rest -= added[name];
  });
  return { added: { ...added, [EVERYTHING_ELSE]: rest }, regions: Object.fromEntries(model.region_names.map((name, region) => [name, corners[region]])) };
}

export async function askPhoto(file) {
  await askModel();
  let pixels;
  try {
    pixels = await pixelsOf(file);
  } catch {
    return { status: "unreadable", problem: "This browser cannot read this file as an image." };
  }
  const { width, height } = pixels;
  const found = await run(pixels);
  const names = model.class_names;
  const regions = model.region_names.length;
  const faces = parts(found.probabilities, names.length).map((shares, face) => {
    const label = shares.indexOf(Math.max(...shares));
    const contributions = parts(found.region_contributions, names.length).slice(face * regions, (face + 1) * regions);
    const corners = parts(parts(found.region_corners, 2), 4).slice(face * regions, (face + 1) * regions);
    return {
      box: parts(found.boxes, 4)[face],
      landmarks: parts(parts(found.landmarks, 2), 5)[face],
      label: names[label],
      answer: shares[label] < model.rejection_threshold ? "not sure" : names[label],
      probability: shares[label],
      scores: Object.fromEntries(names.map((name, index) => [name, shares[index]])),
      warnings: [],
      explanation: regions ? explanation(shares, label, contributions, corners) : null,
    };
  });
  return { status: "ok", width, height, warnings: [], faces };
}

export const askFrame = askPhoto;
