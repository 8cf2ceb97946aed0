// Answers for the page in place of a service: the model runs in a worker of this browser, and nothing leaves it.

const EVERYTHING_ELSE = "whole face and constants";
const SMALLEST = 1e-12; // probability whose logarithm is still a number

export class ServiceError extends Error {
  status = 0;
}

export function useToken() {}

const worker = new Worker("worker.js", { type: "module" });
const waiting = []; // for the answers, in the order of the photos
let broken = null;

function fail(reason) {
  broken = new ServiceError(`The model cannot be run in this browser: ${reason}`);
  for (const { failed } of waiting.splice(0)) failed(broken);
}

worker.onmessage = ({ data }) => {
  if (data.failure) fail(data.failure);
  else if (data.isReady) keepFiles();
  else waiting.shift().done(data);
};
// Of loading it; what it runs answers for itself.
worker.onerror = () => fail("a file of the page is missing, or the browser is too old.");

// Has the page open without a network; after the first answer, as all files are fetched once more for it.
function keepFiles() {
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // an old browser or a strict host works all the same
}

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
  picture.close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}

function run(pixels) {
  return new Promise((done, failed) => {
    if (broken) throw broken;
    waiting.push({ done, failed });
    worker.postMessage(pixels, [pixels.rgba.buffer]);
  });
}

// Cuts a flat list into parts of so many entries, these into parts of so many parts, and so on.
function nested(values, ...lengths) {
  return lengths.reduce((flat, length) =>
    Array.from({ length: flat.length / length }, (_, part) => [...flat.slice(part * length, (part + 1) * length)]), values);
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
    return { status: "unreadable", problem: "This browser cannot read this file as an image; JPEG, PNG and WebP work in all browsers." };
  }
  const { width, height } = pixels;
  const { found, problem } = await run(pixels);
  if (problem) return { status: "unreadable", problem };
  const names = model.class_names;
  const regions = model.region_names.length;
  const boxes = nested(found.boxes, 4);
  const landmarks = nested(found.landmarks, 2, 5);
  const contributions = nested(found.region_contributions, names.length, regions);
  const corners = nested(found.region_corners, 2, 4, regions);
  const faces = nested(found.probabilities, names.length).map((shares, face) => {
    const label = shares.indexOf(Math.max(...shares));
    return {
      box: boxes[face],
      landmarks: landmarks[face],
      label: names[label],
      answer: shares[label] < model.rejection_threshold ? "not sure" : names[label],
      probability: shares[label],
      scores: Object.fromEntries(names.map((name, index) => [name, shares[index]])),
      warnings: [],
      explanation: regions ? explanation(shares, label, contributions[face], corners[face]) : null,
    };
  });
  return { status: "ok", width, height, warnings: [], faces };
}

export const askFrame = askPhoto;
