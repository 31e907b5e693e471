// Creates elements. Text is set as text, so strings from a server or a file never become markup.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "scope") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
export const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
export const readable = (code) => String(code).replaceAll("_", " ");

// Converts a plain object to a definition list. A nested object becomes a nested list.
export function facts(found) {
  const list = make("dl", { className: "facts" });
  for (const [key, value] of Object.entries(found)) {
    if (value === null || value === "" || value === undefined) continue;
    const shown = Array.isArray(value) ? value.map((one) => (typeof one === "object" ? JSON.stringify(one) : one)).join(", ") : value;
    list.append(make("dt", {}, readable(key)), make("dd", {}, typeof shown === "object" ? facts(shown) : String(shown)));
  }
  return list;
}
