/*
 * The emotion network of `@vladmandic/human` (npm): node benchmarks/rivals/human.cjs FOLDER OUT.csv.
 *
 * The network is the package's models/emotion.json. Each step is that of predict() in its src/gear/emotion.ts, whose
 * image is RGB from 0 to 1. The package itself cuts the probabilities to two decimals, which makes ties; here they are
 * whole.
 */

const fs = require('node:fs');
const path = require('node:path');
const { predictFolder, startBackend, tf } = require('./predictions.cjs');

const CLASS_NAMES = ['anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise', 'neutral'];
const RGB_TO_GREY = [0.2989, 0.587, 0.114];

/** Load a network from disk, which plain TensorFlow.js cannot do by itself. */
async function loadNetwork(file) {
  const model = JSON.parse(fs.readFileSync(file, 'utf8'));
  const paths = model.weightsManifest.flatMap((group) => group.paths);
  const weights = paths.map((name) => fs.readFileSync(path.join(path.dirname(file), name)));
  return tf.loadGraphModel(tf.io.fromMemory({
    modelTopology: model.modelTopology,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: Uint8Array.from(Buffer.concat(weights)).buffer,
  }));
}

async function main() {
  await startBackend();
  const root = path.join(path.dirname(require.resolve('@vladmandic/human')), '..');
  const network = await loadNetwork(path.join(root, 'models', 'emotion.json'));
  const side = network.inputs[0].shape[2];

  const classify = async (image) => tf.tidy(() => {
    const resized = tf.image.resizeBilinear(image.toFloat().div(255).expandDims(0), [side, side], false);
    const grey = resized.mul(RGB_TO_GREY).sum(3, true);
    return network.execute(grey.sub(0.5).mul(2)).dataSync();
  });
  await predictFolder(classify, CLASS_NAMES);
}

main();
