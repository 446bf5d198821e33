// What is wrong with the page for people who see it badly, hear it, or use keys only. Gives a list of sentences; none is good.
// It looks at what is drawn, so it is asked again for light and dark, and for a narrow screen.
const faults = [];
const fault = (condition, words) => { if (!condition) faults.push(words); };
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const named = (element) => {
  const by = (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
  const told = by.map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
  const labels = element.labels ? [...element.labels].map((label) => label.textContent).join(" ") : "";
  return [told, element.getAttribute("aria-label") ?? "", labels, element.caption?.textContent ?? "", element.getAttribute("alt") ?? ""]
    .join(" ").trim();
};
const visible = (element) => {
  const box = element.getBoundingClientRect();
  return getComputedStyle(element).visibility !== "hidden" && box.width > 0 && box.height > 0;
};
const place = (element) => `<${element.tagName.toLowerCase()}> ${element.textContent.trim().slice(0, 40)}`;

fault(document.documentElement.lang === "en", "the page does not say its language");
fault(document.title.trim() !== "", "the page has no title");
for (const landmark of ["header", "main", "footer", "h1"]) {
  fault(all(landmark).length === 1, `the page has ${all(landmark).length} <${landmark}>, one is wanted`);
}
const first = document.querySelector("a, button, input, select, textarea, [tabindex='0']");
fault(first?.tagName === "A" && first.getAttribute("href") === "#main" && document.querySelector("main#main"),
  "the first thing that takes the focus does not lead to the main part");
if (first) {
  first.focus();
  fault(document.activeElement === first && first.getBoundingClientRect().left >= 0, "the skip link is not seen when it has the focus");
  first.blur();
}
let level = 1;
for (const heading of all("h1, h2, h3, h4")) {
  const now = Number(heading.tagName[1]);
  fault(now <= level + 1, `a heading skips a level: ${place(heading)}`);
  level = now;
}
for (const section of all("section, nav, [role='region']")) fault(named(section) !== "", `a part without a name: ${place(section)}`);
for (const table of all("table")) {
  fault(named(table) !== "", `a table without a name: ${place(table)}`);
  fault(all("thead th", table).length > 0, `a table without headings: ${place(table)}`);
  for (const cell of all("th", table)) fault(["col", "row"].includes(cell.scope), `a heading of a table without scope: ${place(cell)}`);
  for (const row of all("tbody tr", table)) fault(row.querySelector("th[scope='row']"), `a row without a heading: ${place(row)}`);
}
for (const control of all("input, select, textarea")) fault(named(control) !== "", `a control without a label: ${place(control)}`);
for (const control of all("a, button")) fault((control.textContent.trim() || named(control)) !== "", `a control without a name: ${control.outerHTML}`);
for (const image of all("img, svg")) fault(named(image) !== "" || image.getAttribute("aria-hidden") === "true", "a picture without words");
const ids = all("[id]").map((element) => element.id);
for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) faults.push(`two elements have the id ${id}`);

// Contrast, as WCAG 2 counts it.
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const pixels = (color) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = pixels(getComputedStyle(at).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255, 255];
};
const light = (color) => {
  const [red, green, blue] = color.slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
let judged = 0;
for (const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walker.nextNode(); ) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || element.closest("script, style, noscript, .skip") || !visible(element)) continue;
  const [text, behind] = [light(pixels(getComputedStyle(element).color)), light(ground(element))];
  const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
  judged += 1;
  fault(ratio >= 4.5, `contrast ${ratio.toFixed(2)}: ${place(element)}`);
}
fault(judged > 50, `only ${judged} texts were looked at`);

const root = document.documentElement;
fault(root.scrollWidth <= root.clientWidth, `it is ${root.scrollWidth} px wide on a screen of ${root.clientWidth} px`);
if (root.scrollWidth > root.clientWidth) {
  for (const element of all("body *")) {
    const right = element.getBoundingClientRect().right;
    if (right > root.clientWidth + 1) faults.push(`to ${Math.round(right)} px: ${place(element)}`);
  }
}
return { faults: faults.slice(0, 40), judged, ground: getComputedStyle(document.body).backgroundColor };
