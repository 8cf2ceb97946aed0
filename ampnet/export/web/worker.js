// Runs the model on the pixels that the page sends, one photo after the other, and answers in their order.

import * as ort from "./ort.js";

ort.env.wasm.numThreads = 1; // more need a page that is cross-origin isolated, which few hosts offer
// Rearranging the graph takes longer here than it saves.
const opened = ort.InferenceSession.create("model.onnx", { graphOptimizationLevel: "disabled", logSeverityLevel: 3 });

// Browsers compile what they run: a photo of nothing has that done while the visitor is still choosing one.
const NOTHING = { rgba: new Uint8Array(4 * 64 * 64), width: 64, height: 64 };
let isAsked = false;
let last = opened.then((session) => isAsked || session.run({ photo: photoOf(NOTHING) }).catch(() => {})); // photos tell
opened.then(() => last).then(() => postMessage({ isReady: true }), (error) => postMessage({ failure: textOf(error) }));

function photoOf({ rgba, width, height }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return new ort.Tensor("uint8", rgb, [height, width, 3]);
}

function textOf(error) {
  return error.message ?? String(error);
}

onmessage = ({ data }) => {
  isAsked = true;
  last = last.then(async () => {
    try {
      const outputs = await (await opened).run({ photo: photoOf(data) });
      postMessage({ found: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, value.data])) });
    } catch (error) { // of a photo for which there is not enough memory; the next one has its own
      postMessage({ problem: `This browser cannot look at ${data.width} x ${data.height} pixels; make it smaller (${textOf(error)}).` });
    }
  });
};
