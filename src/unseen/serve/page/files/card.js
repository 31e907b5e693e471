// Shows facts about the detector. `markdown` supports the subset of Markdown that model cards use.

import { make, percent } from "./dom.js";

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.length > 4) return make("strong", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.length > 2) return make("code", {}, part.slice(1, -1));
    return part;
  });
}

const cells = (line) => line.replace(/^\|/, "").replace(/\|\s*$/, "").split("|").map((cell) => cell.trim());

function table(lines) {
  const [head, , ...rows] = lines.map(cells);
  const row = (tag, found) => make("tr", {}, ...found.map((cell) => make(tag, {}, ...inline(cell))));
  return make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Table" },
    make("table", {}, make("thead", {}, row("th", head)), make("tbody", {}, ...rows.map((one) => row("td", one)))));
}

export function markdown(text) {
  const found = document.createDocumentFragment();
  const blocks = text.split(/(```[\s\S]*?```)/).flatMap((part) => (part.startsWith("```") ? [part] : part.split(/\n\s*\n/)));
  for (const block of blocks.map((one) => one.trim()).filter(Boolean)) {
    const lines = block.split("\n");
    const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
    if (block.startsWith("```")) found.append(make("pre", {}, lines.slice(1, -1).join("\n")));
    else if (heading) {
      found.append(make(heading[1].length > 1 ? "h3" : "h4", {}, ...inline(heading[2])));
      if (lines.length > 1) found.append(markdown(lines.slice(1).join("\n")));
    } else if (lines[0].startsWith("|")) found.append(table(lines));
    else if (/^[-*] /.test(lines[0])) {
      found.append(make("ul", {}, ...block.split(/\n(?=[-*] )/).map((one) => make("li", {}, ...inline(one.slice(2).replaceAll("\n", " "))))));
    } else found.append(make("p", {}, ...inline(lines.join(" "))));
  }
  return found;
}

function rates(title, sets) {
  const rows = Object.entries(sets ?? {}).map(([name, one]) =>
    make("tr", {}, make("td", {}, name), make("td", {}, (one.generators ?? []).join(", ")), make("td", { className: "number" }, percent(one.share)), make("td", {}, String(one.n))));
  if (!rows.length) return "";
  const head = make("tr", {}, ...["set", "generators", title, "faces"].map((text) => make("th", { scope: "col" }, text)));
  return make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": `${title} by set` }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

export function showAbout(found) {
  const scope = found.scope;
  document.querySelector("#detector").textContent = `Detector ${found.name}, threshold ${scope.threshold.toFixed(2)}`;
  document.querySelector("#demonstration").hidden = !scope.demonstration;
  document.querySelector("#scope").replaceChildren(...inline(scope.scope));
  document.querySelector("#meanings").replaceChildren(
    ...Object.entries(scope.verdicts).flatMap(([verdict, meaning]) => [make("dt", {}, verdict), make("dd", {}, ...inline(meaning))]));
  const measured = document.querySelector("#measured");
  measured.replaceChildren(make("h3", {}, "TPR and FPR at the threshold"));
  if (scope.measured) measured.append(rates("TPR", scope.measured.tpr), rates("FPR", scope.measured.fpr));
  else measured.append(make("p", {}, "This detector has not been evaluated yet."));
  const limits = document.querySelector("#limits");
  limits.hidden = !found.limits;
  if (found.limits) {
    const { bytes, pixels, faces, seconds, batch, queue } = found.limits;
    const lines = [`${bytes / 1e6} MB per picture`, `${pixels / 1e6} million pixels per picture`, `${faces} faces per picture`, `${seconds} s per picture`,
      `${batch} pictures in a batch of the HTTP API`, `${queue} requests in progress at the same time`];
    limits.querySelector("ul").replaceChildren(...lines.map((line) => make("li", {}, line)));
  }
  document.querySelector("#card").hidden = !found.card;
  document.querySelector("#card div").replaceChildren(markdown(found.card ?? ""));
  document.querySelector("#heat-option").hidden = !found.heat;
  document.querySelector("#about").hidden = false;
}
