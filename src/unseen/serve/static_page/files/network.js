// Runs the two ONNX graphs with ONNX Runtime Web: WebAssembly, one thread, so that no special HTTP headers are needed.

import * as ort from "./onnxruntime-web/ort.js";
import { attempts, decodeFaces } from "./detect.js";
import { Failed } from "./failed.js";
import { BILINEAR, resize } from "./resize.js";
import { sha256 } from "./sha256.js";
import { viewsOf } from "./views.js";

const BATCH = 64;

// A file whose SHA-256 is known.
async function loaded(path, digest) {
  let bytes;
  try {
    const response = await fetch(path, { cache: "no-cache" }); // a page that was written again has other graphs
    if (!response.ok) throw new Error(String(response.status));
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new Failed(0, "unreachable", `${path} cannot be loaded (${error.message}). Reload the page.`);
  }
  if (sha256(bytes) !== digest) throw new Failed(0, "damaged", `${path} is damaged: its SHA-256 is not the recorded one. Write the page again.`);
  return bytes;
}

export class Network {
  constructor(faceDetector, detector, settings) {
    Object.assign(this, { faceDetector, detector, settings });
  }

  // `files` has the SHA-256 of each file, `settings` is `run` in about.json.
  static async load(files, settings) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = await loaded("files/onnxruntime-web/ort.wasm", files["ort.wasm"]);
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
    const sessions = [];
    for (const name of ["face_detector.onnx", "detector.onnx"]) {
      sessions.push(await ort.InferenceSession.create(await loaded(name, files[name]), options));
    }
    return new Network(...sessions, settings);
  }

  // The faces in a picture, highest detection score first.
  async detect(picture) {
    const { detect } = this.settings.faces;
    let found = [];
    for (const [width, height] of attempts(picture, detect)) {
      const { data } = resize(picture, width, height, BILINEAR);
      const input = new Float32Array(data.length);
      for (let i = 0; i < width * height; i += 1) for (let c = 0; c < 3; c += 1) input[c * width * height + i] = data[3 * i + c];
      const outputs = await this.faceDetector.run({ [this.faceDetector.inputNames[0]]: new ort.Tensor("float32", input, [1, 3, height, width]) });
      const maps = this.faceDetector.outputNames.map((name) => outputs[name]);
      found = decodeFaces(maps, picture, [width, height], detect.min_score);
      if (found.length) break;
    }
    return found;
  }

  // The logit of each crop, before the temperature: the mean over its views.
  async logits(crops) {
    const { view, ela } = this.settings;
    const seen = crops.flatMap((crop) => viewsOf(crop, view, ela));
    const found = [];
    for (let start = 0; start < seen.length; start += BATCH) {
      const some = seen.slice(start, start + BATCH);
      const { width: side } = some[0];
      if (some.some((one) => one.width !== side)) throw new Error("views of different sizes");
      const pixels = new Uint8Array(3 * side * side * some.length);
      some.forEach((one, i) => pixels.set(one.data, 3 * side * side * i));
      const outputs = await this.detector.run({ pixels: new ort.Tensor("uint8", pixels, [some.length, side, side, 3]) }, ["logit"]);
      found.push(...outputs.logit.data);
    }
    const each = seen.length / crops.length;
    return crops.map((_, i) => found.slice(each * i, each * (i + 1)).reduce((a, b) => a + b, 0) / each);
  }
}
