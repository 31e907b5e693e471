// Scores pictures in this browser. It takes the place of the page's backend.js, which sends them to a server.

import { cropOf, qualityOf } from "./crop.js";
import { Failed } from "./failed.js";
import { outside } from "./gate.js";
import { Network } from "./network.js";
import { clip, roundHalfEven, sigmoid } from "./numbers.js";
import { decode, selfTest } from "./picture.js";
import { sha256 } from "./sha256.js";

export { Failed };
export function useToken() {} // there is no server

const CHANGED = "This browser changes the pixels that a page reads, as protection against fingerprinting does. Scores would be wrong, so no picture is scored. Allow this page to read canvas data, or use another browser.";
const OTHER_JPEG = "This browser decodes JPEG files to slightly other pixels than Python, so their scores may differ from `unseen predict`.";

let found = null;
let ready = null;

async function prepare(description) {
  const network = await Network.load(description.files, description.run);
  const { side, logit, tolerance } = description.known;
  const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 2654435761) >>> 24);
  const [own] = await network.logits([{ width: side, height: side, data }]);
  if (!(Math.abs(own - logit) <= tolerance)) {
    throw new Failed(0, "numbers", `This browser computes a logit of ${own} for a known crop instead of ${logit}, so no picture is scored.`);
  }
  return network;
}

export async function about() {
  const response = await fetch("about.json", { cache: "no-cache" }).catch(() => null);
  if (!response?.ok) throw new Failed(0, "unreachable", "about.json cannot be loaded. Open this page through a web server.");
  const description = await response.json();
  const test = await selfTest(description.probes);
  ready = test.png ? prepare(description) : Promise.reject(new Failed(0, "pixels", CHANGED));
  ready.catch(() => {}); // it is raised for each picture
  found = { ...description, notice: test.png ? (test.jpg ? "" : OTHER_JPEG) : CHANGED };
  return found;
}

function scored(face, logit) {
  const { temperature, threshold, unsure: [low, high] } = found.run.calibration;
  const score = sigmoid(logit / temperature);
  const between = score >= low && score <= high;
  const verdict = face.outside || between ? "unsure" : score >= threshold ? "fake" : "not flagged";
  return {
    box: face.box,
    logit,
    calibrated_logit: logit / temperature,
    score,
    above_threshold: score >= threshold,
    verdict,
    why: face.outside || (verdict === "unsure" ? "in_band" : ""),
    detection_score: face.score,
  };
}

const clippedBox = ([left, top, right, bottom], { width, height }) => {
  const [x0, x1] = [left, right].map((x) => clip(roundHalfEven(x), 0, width));
  const [y0, y1] = [top, bottom].map((y) => clip(roundHalfEven(y), 0, height));
  return [x0, y0, x1 - x0, y1 - y0];
};

// The answer of `POST /predict` for a file, without provenance and heat maps.
export async function predict(file) {
  const network = await ready;
  await new Promise((resume) => setTimeout(resume, 20)); // so that the status is shown
  const start = performance.now();
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { faces: settings, seed, gate, calibration } = found.run;
  const picture = await decode(bytes, settings.max_pixels);
  const digest = sha256(bytes);
  const quality = qualityOf(digest, seed, settings.jpeg);
  const faces = [], crops = [], lost = [];
  for (const face of await network.detect(picture)) {
    const crop = cropOf(picture, face, settings, quality);
    const box = clippedBox(face.box, picture);
    if (typeof crop === "string") lost.push({ reason: "too_small", detail: crop, box });
    else {
      faces.push({ box, score: face.score, outside: outside(face, crop, gate, settings.scale) });
      crops.push(crop);
    }
  }
  if (!faces.length && !lost.length) lost.push({ reason: "no_face", detail: "no face was found", box: null });
  const logits = crops.length ? await network.logits(crops) : [];
  return {
    detector: found.name,
    threshold: calibration.threshold,
    unsure: calibration.unsure,
    width: picture.width,
    height: picture.height,
    sha256: digest,
    faces: faces.map((face, i) => scored(face, logits[i])),
    not_scored: lost,
    provenance: null,
    seconds: (performance.now() - start) / 1000,
  };
}
