// The page: accepts pictures by file dialog, drag and drop, and paste, and shows results, newest first.

import { about, predict, useToken } from "./backend.js";
import { showAbout } from "./card.js";
import { result, summary } from "./result.js";

const MOST = 20;
const by = (id) => document.getElementById(id);
const [drop, file, heat, results, status, tokenForm] = ["drop", "file", "heat", "results", "status", "token-form"].map(by);
let reasons = {};
let busy = false;

function say(text, bad = false) {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

function failed(error, name = "") {
  if (error.status === 401) {
    tokenForm.hidden = false;
    by("token").focus();
  }
  say(`${name ? `${name}: ` : ""}${error.message}`, true);
}

async function start() {
  try {
    const found = await about();
    reasons = found.reasons ?? {};
    showAbout(found);
    tokenForm.hidden = true;
    say(found.notice ?? "", Boolean(found.notice));
  } catch (error) {
    by("detector").textContent = "";
    failed(error);
  }
}

async function one(picture) {
  const name = picture.name || "Pasted picture";
  say(`Scoring ${name}.`);
  try {
    const found = await predict(picture, heat.checked, (seconds) => say(`The server is busy. ${name} is sent again in ${seconds} s.`));
    const article = result(picture, found, reasons);
    results.prepend(article);
    while (results.children.length > MOST) results.lastChild.remove();
    say(`${name}: ${summary(found)}.`);
    return article;
  } catch (error) {
    failed(error, name);
    return null;
  }
}

async function all(pictures) {
  if (busy || !pictures.length) return;
  busy = file.disabled = true;
  drop.setAttribute("aria-busy", "true");
  let shown = null;
  for (const picture of pictures) shown = (await one(picture)) ?? shown;
  busy = file.disabled = false;
  drop.removeAttribute("aria-busy");
  file.value = ""; // so that the same picture can be chosen again
  shown?.scrollIntoView({ block: "nearest" });
}

file.addEventListener("change", () => all([...file.files]));
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) all([...event.clipboardData.files]);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const files = [...(event.dataTransfer?.files ?? [])];
  // a URL that is dropped from another page is not fetched
  if (files.length) all(files);
  else say("Drop an image file, not a link or text.", true);
});
tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(by("token").value.trim());
  start();
});
start();
