// From photos to faces in Node, one JSON line a photo.
//
//   npm install --ignore-scripts onnxruntime-node sharp
//   node faces.mjs MODEL.onnx PHOTO...
//
// MODEL.onnx is what `ampnet export bundled` writes. sharp reads JPEG, PNG, WebP, GIF, TIFF and AVIF, but no HEIC or BMP.

import ort from "onnxruntime-node";
import sharp from "sharp";

const [model, ...photos] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 }); // it would warn about optional inputs
for (const file of photos) {
  const asStored = sharp(file, { ignoreIcc: true }); // as ampnet reads colours, whatever their profile
  const upright = asStored.rotate().flatten({ background: "white" }).toColourspace("srgb");
  const { data, info } = await upright.raw().toBuffer({ resolveWithObject: true });
  const photo = new ort.Tensor("uint8", data, [info.height, info.width, 3]);
  const found = await session.run({ photo });
  const names = [...found.class_names.data];
  const faces = Array.from({ length: found.boxes.dims[0] }, (_, face) => {
    const shares = [...found.probabilities.data.slice(face * names.length, (face + 1) * names.length)];
    return {
      box: [...found.boxes.data.slice(face * 4, face * 4 + 4)],
      label: names[shares.indexOf(Math.max(...shares))],
      scores: Object.fromEntries(names.map((name, index) => [name, shares[index]])),
    };
  });
  console.log(JSON.stringify({ photo: file, faces }));
}
