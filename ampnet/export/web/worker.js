// Runs the model on the pixels that the page sends, one photo after the other.

import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need a page that is cross-origin isolated, which few hosts offer
// Rearranging the graph takes longer here than it saves.
const opened = ort.InferenceSession.create("model.onnx", { graphOptimizationLevel: "disabled", logSeverityLevel: 3 });

// Browsers compile what they run: a photo of nothing has that done while the visitor is still choosing one.
const NOTHING = { rgba: new Uint8Array(4 * 64 * 64), width: 64, height: 64 };
let isAsked = false;
let last = opened.then((session) => isAsked || session.run({ photo: photoOf(NOTHING) })).catch(() => {}); // photos tell

function photoOf({ rgba, width, height }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return new ort.Tensor("uint8", rgb, [height, width, 3]);
}

onmessage = ({ data }) => {
  isAsked = true;
  last = last.then(async () => {
    try {
      const outputs = await (await opened).run({ photo: photoOf(data) });
      const found = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, value.data]));
      postMessage({ id: data.id, found });
    } catch (error) {
      postMessage({ id: data.id, problem: error.message ?? String(error) });
    }
  });
};
