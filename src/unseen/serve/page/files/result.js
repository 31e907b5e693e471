// The result for one picture: boxes on the picture, and the score, verdict and heat map of each face.

import { count, facts, make, readable } from "./dom.js";

const NAMES = { fake: "fake", unsure: "unsure", "not flagged": "not flagged" };
const style = (verdict) => verdict.replaceAll(" ", "-");
const two = (value) => value.toFixed(2);

function place(element, [left, top, width, height], found) {
  element.style.left = `${(100 * left) / found.width}%`;
  element.style.top = `${(100 * top) / found.height}%`;
  element.style.width = `${(100 * width) / found.width}%`;
  element.style.height = `${(100 * height) / found.height}%`;
  // the label is inside the box if there is no room above it
  if (top / found.height < 0.08) element.classList.add("low");
}

function picture(file, found, cards) {
  const figure = make("figure", { className: "picture" });
  const image = make("img", { alt: `The picture ${file.name || "that was pasted"}, ${found.width} by ${found.height} pixels` });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  image.addEventListener("error", () => {
    figure.classList.add("blank");
    figure.style.aspectRatio = `${found.width} / ${found.height}`;
    image.replaceWith(make("p", { className: "soft" }, "This browser cannot show this image format. The boxes are at the correct positions."));
  }, { once: true });
  image.src = URL.createObjectURL(file);
  figure.append(image);
  found.faces.forEach((face, i) => {
    const label = `Face ${i + 1}: ${face.verdict}, score ${two(face.score)}`;
    const box = make("button", { type: "button", className: `box ${style(face.verdict)}`, "aria-label": label },
      make("span", { "aria-hidden": "true" }, `${i + 1} ${NAMES[face.verdict] ?? face.verdict}`));
    place(box, face.box, found);
    box.addEventListener("click", () => cards[i].focus());
    figure.append(box);
  });
  for (const one of found.not_scored.filter((row) => row.box)) {
    const box = make("div", { className: "box unscored", title: one.detail });
    place(box, one.box, found);
    figure.append(box);
  }
  return figure;
}

function at(element, share) {
  element.style.left = `${100 * Math.min(1, Math.max(0, share))}%`;
  return element;
}

function scale(face, found) {
  const [low, high] = found.unsure;
  const band = at(make("span", { className: "band" }), low);
  band.style.width = `${100 * (Math.min(1, high) - Math.max(0, low))}%`;
  // the label of the threshold stays within the scale; the label of an end that is too close is left out
  const label = at(make("span", { className: "text" }, `threshold ${two(found.threshold)}`), found.threshold);
  label.style.transform = `translateX(${-100 * found.threshold}%)`;
  const ends = [found.threshold > 0.3 ? make("span", { className: "text" }, "0") : "", found.threshold < 0.75 ? make("span", { className: "text end" }, "1, fake") : ""];
  const text = `Score ${two(face.score)} on a scale from 0 to 1. Threshold ${two(found.threshold)}. Unsure from ${two(low)} to ${two(high)}.`;
  return make("div", { className: "scale", role: "img", "aria-label": text },
    make("div", { className: "bar" }, band, at(make("span", { className: "limit" }), found.threshold),
      at(make("span", { className: "score" }), face.score)),
    ...ends, label);
}

const REMARKS = {
  "not flagged": "Not flagged does not mean real: the detector may miss fakes of other generators.",
  fake: "The score reaches the threshold. This is an estimate, not a proof.",
  unsure: "The detector is unsure about this face.",
};

function card(face, i, found, reasons) {
  const why = face.why && face.verdict === "unsure" ? `Why: ${reasons[face.why] ?? readable(face.why)}.` : "";
  const item = make("li", { className: style(face.verdict), tabIndex: -1 },
    make("p", {}, `Face ${i + 1} `, make("span", { className: "badge" }, NAMES[face.verdict] ?? face.verdict)),
    make("p", {}, `Score ${two(face.score)}, threshold ${two(found.threshold)}, unsure from ${two(found.unsure[0])} to ${two(found.unsure[1])}`),
    scale(face, found),
    make("p", {}, REMARKS[face.verdict] ?? "", why ? ` ${why}` : ""),
    make("p", { className: "soft" }, `${face.box[2]} x ${face.box[3]} px at ${face.box[0]}, ${face.box[1]}; logit ${two(face.logit)}; face detection ${two(face.detection_score)}`));
  if (face.heat) {
    const decision = face.above_threshold ? "fake" : "not fake";
    item.append(make("figure", { className: "heat" },
      make("img", { src: face.heat, alt: `Heat map of face ${i + 1}` }),
      make("figcaption", {}, `Bright: evidence for "${decision}" in the crop that the network sees.`)));
  }
  return item;
}

export function summary(found) {
  const faces = found.faces;
  const parts = Object.keys(NAMES).map((verdict) => [verdict, faces.filter((face) => face.verdict === verdict).length]);
  const said = parts.filter(([, n]) => n).map(([verdict, n]) => `${n} ${verdict}`).join(", ");
  const boxes = found.not_scored.filter((row) => row.box).length;
  const rest = boxes ? `${count(boxes, "face")} without a score` : "";
  return [faces.length ? `${count(faces.length, "face")}: ${said}` : boxes ? "" : "no face was found", rest].filter(Boolean).join("; ");
}

export function result(file, found, reasons) {
  const cards = found.faces.map((face, i) => card(face, i, found, reasons));
  const list = make("ol", { className: "faces" }, ...cards);
  for (const one of found.not_scored.filter((row) => row.box)) {
    list.append(make("li", { className: "unscored" }, make("p", {}, `A face without a score: ${one.detail}`)));
  }
  if (!list.children.length) list.append(make("li", {}, make("p", {}, "No face was found. The detector scores faces only.")));
  const side = make("div", {}, list);
  if (found.provenance) {
    side.append(make("h3", {}, "What the file says about its origin"),
      make("p", { className: "soft" }, "This comes from the file's metadata and does not change the score. A file without such metadata may be real or fake."),
      facts(typeof found.provenance === "object" ? found.provenance : { text: found.provenance }));
  }
  const title = make("h2", { tabIndex: -1 }, `${file.name || "Pasted picture"}: ${summary(found)}`);
  const time = found.seconds === undefined ? "" : `, ${found.seconds.toFixed(2)} s`;
  return make("article", {}, make("header", {}, title, make("span", { className: "soft" }, `${found.width} x ${found.height} px${time}`)),
    picture(file, found, cards), side);
}
