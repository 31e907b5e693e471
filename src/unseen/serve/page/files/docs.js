// Shows openapi.json. Nothing is loaded from other servers.

import { make } from "./dom.js";

function parameters(found) {
  return (found ?? []).map((one) => make("li", {}, make("code", {}, one.name), ` (${one.in}, ${one.schema?.type ?? "any"}, default ${one.schema?.default})`));
}

function operation(path, method, found) {
  const bodies = Object.keys(found.requestBody?.content ?? {});
  const answers = Object.entries(found.responses ?? {}).map(([status, one]) => {
    const model = one.content?.["application/json"]?.schema?.$ref?.split("/").pop();
    return make("tr", {}, make("td", {}, status), make("td", {}, one.description), make("td", {}, model ? make("a", { href: `#${model}` }, model) : ""));
  });
  return make("section", {}, make("h2", {}, `${method.toUpperCase()} ${path}`), make("p", {}, found.description ?? found.summary ?? ""),
    bodies.length ? make("p", {}, "Body: ", make("code", {}, bodies.join(", "))) : "",
    found.parameters?.length ? make("ul", {}, ...parameters(found.parameters)) : "",
    make("div", { className: "scroll" }, make("table", {}, make("tbody", {}, ...answers))));
}

function model(name, found) {
  const rows = Object.entries(found.properties ?? {}).map(([key, one]) =>
    make("tr", {}, make("td", {}, make("code", {}, key)), make("td", {}, one.type ?? ""), make("td", {}, one.description ?? "")));
  return make("section", { id: name }, make("h2", {}, name), make("p", {}, found.description ?? ""),
    make("div", { className: "scroll" }, make("table", {}, make("tbody", {}, ...rows))));
}

document.querySelector("#example").textContent = `curl -F file=@portrait.jpg ${location.origin}/predict`;
try {
  const found = await (await fetch("openapi.json")).json();
  const paths = Object.entries(found.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => operation(path, method, one)));
  const models = Object.entries(found.components?.schemas ?? {}).filter(([name]) => name.endsWith("Answer") || name === "BatchItem");
  document.querySelector("#paths").append(...paths, ...models.map(([name, one]) => model(name, one)));
} catch {
  document.querySelector("#status").textContent = "The server does not answer.";
}
