/*
 * The expression network of `@vladmandic/face-api` (npm): node benchmarks/rivals/face_api.cjs FOLDER OUT.csv.
 *
 * The package's own FaceExpressionNet and weights; it enlarges and normalises the image by itself.
 */

const path = require('node:path');
const { predictFolder, startBackend } = require('./predictions.cjs');

const OUR_NAMES = { // in the order of the package's FACE_EXPRESSION_LABELS
  neutral: 'neutral',
  happy: 'happiness',
  sad: 'sadness',
  angry: 'anger',
  fearful: 'fear',
  disgusted: 'disgust',
  surprised: 'surprise',
};

async function main() {
  await startBackend();
  const root = path.join(path.dirname(require.resolve('@vladmandic/face-api')), '..');
  const faceapi = require(path.join(root, 'dist', 'face-api.node-wasm.js'));
  const network = faceapi.nets.faceExpressionNet;
  await network.loadFromDisk(path.join(root, 'model'));

  const classify = async (image) => {
    const expressions = await network.predictExpressions(image);
    return Object.keys(OUR_NAMES).map((name) => expressions[name]);
  };
  await predictFolder(classify, Object.values(OUR_NAMES));
}

main();
