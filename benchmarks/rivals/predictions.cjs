/* What the Node adapters share: the images of a folder, and the CSV that score.py reads. PNG only. */

const fs = require('node:fs');
const path = require('node:path');
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const { PNG } = require('pngjs');

/** Start TensorFlow.js on one core, with the WebAssembly files of the installed package. */
async function startBackend() {
  wasm.setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + path.sep);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  await tf.ready();
}

/** Read a PNG as an int32 tensor (H, W, 3), RGB, 0 to 255. */
function readImage(file) {
  const { width, height, data } = PNG.sync.read(fs.readFileSync(file)); // RGBA, whatever the file holds
  return tf.tidy(() => tf.tensor3d(Int32Array.from(data), [height, width, 4], 'int32').slice([0, 0, 0], [-1, -1, 3]));
}

/**
 * Run a network over a folder and write its answers; both are named on the command line: FOLDER OUT.csv.
 *
 * classify gives the probability of each class for one image; classNames are our names in the order of the
 * network's outputs.
 */
async function predictFolder(classify, classNames) {
  if (process.argv.length !== 4) {
    console.error(`usage: node ${path.basename(process.argv[1])} FOLDER OUT.csv`);
    process.exit(2);
  }
  const [folder, out] = process.argv.slice(2);
  const files = fs.readdirSync(folder, { recursive: true });
  const names = files.filter((name) => name.toLowerCase().endsWith('.png')).sort();
  if (!names.length) {
    console.error(`${folder} holds no PNG image`);
    process.exit(1);
  }
  const rows = [['name', ...classNames]];
  for (const name of names) {
    const image = readImage(path.join(folder, name));
    const shares = await classify(image);
    rows.push([name.split(path.sep).join('/'), ...Array.from(shares, (share) => share.toPrecision(8))]);
    tf.dispose(image);
  }
  fs.writeFileSync(out, rows.map((row) => `${row.join(',')}\n`).join(''));
  console.log(`${names.length} images of ${folder}: ${out}`);
}

module.exports = { predictFolder, startBackend, tf };
