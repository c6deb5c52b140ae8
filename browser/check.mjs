// Checks a built book: node check.mjs ROOT. Prints what is wrong, one line each; exit code 1 if anything is.
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { address, blank, inTurn, launch, pages, violations } from "./book.mjs";

const root = resolve(process.argv[2]);
const MOST_BYTES = 1.5e6;
const PHONE = 375;
const wrong = new Set();
const ids = new Map(); // page → its anchors
const links = []; // [page, href]
const titles = new Map(); // page → what its first heading says

/** Opens a page, and notes what it asks of the network and says on the console. */
async function open(page, path) {
  page.removeAllListeners();
  page.on("request", (asked) => {
    if (!/^(file|data|blob):/.test(asked.url())) wrong.add(`${path}: asks for ${asked.url()}`);
  });
  page.on("console", (said) => {
    if (said.type() === "error") wrong.add(`${path}: console: ${said.text()}`);
  });
  page.on("pageerror", (error) => wrong.add(`${path}: script: ${error.message}`));
  await page.goto(address(root, path), { waitUntil: "load" });
}

async function accessible(page, path, theme) {
  for (const found of await violations(page)) wrong.add(`${path} (${theme}): ${found}`);
}

/** With the keyboard alone: the first stop skips to the content, and the next lies in it. */
async function reachable(page, path) {
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const within = await page.evaluate(() => {
    const main = document.querySelector("#main-content");
    return main?.contains(document.activeElement) ?? false;
  });
  if (!within) wrong.add(`${path}: the keyboard does not reach the content`);
}

/** A long table is sorted by its first heading that is a button, with Enter, and back by another. */
async function sortable(page, path) {
  const button = page.locator("table.sortable thead button").first();
  if (!(await button.count())) return;
  const column = () =>
    page.evaluate(() => {
      const heading = document.querySelector("table.sortable thead button").parentElement;
      return [...heading.closest("table").tBodies[0].rows].map((row) => row.cells[heading.cellIndex].textContent);
    });
  await button.focus();
  await page.keyboard.press("Enter");
  const up = await column();
  await page.keyboard.press("Enter");
  const down = await column();
  if (up.join() !== down.reverse().join()) wrong.add(`${path}: a long table is not sorted by the keyboard`);
}

/** Each heading of a long table sorts numbers by their size. */
async function bySize(page, path) {
  const columns = await page.evaluate(() =>
    [...document.querySelectorAll("table.sortable thead button")].map((button) => {
      button.click();
      const heading = button.parentElement;
      return [...heading.closest("table").tBodies[0].rows].map((row) => row.cells[heading.cellIndex].textContent);
    }),
  );
  for (const column of columns) {
    const sizes = column.map((text) => (text ? Number(text.replace(/(?<=\d),(?=\d{3})/g, "")) : NaN));
    if (sizes.some((size, row) => size < sizes[row - 1])) wrong.add(`${path}: not sorted by size: ${column.join(" ")}`);
  }
}

async function narrow(page, path) {
  await page.setViewportSize({ width: PHONE, height: 800 });
  const { width, widest } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    widest: [...document.querySelectorAll("main *")]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".rg-scroll, pre"))
      .map((element) => element.outerHTML.slice(0, 100))[0],
  }));
  if (width > PHONE) wrong.add(`${path}: ${width} pixels wide on a phone: ${widest}`);
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function read(page, path) {
  const found = await page.evaluate(() => ({
    anchors: [...document.querySelectorAll("[id], a[name]")].map((element) => element.id || element.name),
    hrefs: [...document.querySelectorAll("a[href]")].map((element) => element.href),
    title: [...(document.querySelector("h1")?.childNodes ?? [])].find((node) => node.nodeType === Node.TEXT_NODE)?.textContent ?? "",
  }));
  ids.set(path, new Set(found.anchors));
  titles.set(path, found.title);
  links.push(...found.hrefs.map((href) => [path, href]));
}

function follow(path, href) {
  if (!href.startsWith("file:")) return;
  const [file, anchor] = href.split("#");
  const target = fileURLToPath(file.split("?")[0]);
  const inside = target.slice(root.length + 1);
  if (!existsSync(target)) wrong.add(`${path}: no such page: ${href}`);
  else if (anchor && ids.has(inside) && !ids.get(inside).has(decodeURIComponent(anchor))) {
    wrong.add(`${path}: no such place: ${inside}#${anchor}`);
  }
}

/** A search for the longest word of a chapter's title leads to the chapter, among others. */
async function searched(page, path) {
  const [word] = titles.get(path).match(/\p{L}+/gu).sort((a, b) => b.length - a.length);
  await open(page, "search.html");
  await page.goto(`${address(root, "search.html")}?q=${word}`, { waitUntil: "load" });
  const end = path.split("/").pop();
  await page
    .waitForSelector(`#search-results a[href*="${end}"]`, { timeout: 8000, state: "attached" })
    .catch(() => wrong.add(`${path}: a search for "${word}" does not find it`));
}

const browser = await launch();
const all = pages(root);
await inTurn(all, async (path) => {
  for (const theme of ["light", "dark"]) {
    const page = await blank(browser, theme);
    await open(page, path);
    if (path === "index.html") await page.waitForURL(/book/); // leads on to the first page
    await accessible(page, path, theme);
    if (theme === "light") {
      await read(page, path);
      if (path !== "index.html") await reachable(page, path);
      await bySize(page, path);
      await sortable(page, path);
      await narrow(page, path);
      const bytes = statSync(join(root, path)).size;
      if (bytes > MOST_BYTES) wrong.add(`${path}: ${bytes} bytes`);
    }
    await page.context().close();
  }
});
for (const [path, href] of links) follow(path, href);
const searcher = await blank(browser, "light");
for (const path of all.filter((path) => path.includes("/"))) await searched(searcher, path);
await browser.close();
for (const line of [...wrong].sort()) console.log(line);
console.log(`${all.length} pages, light and dark: ${wrong.size ? `${wrong.size} things wrong` : "nothing wrong"}.`);
process.exit(wrong.size ? 1 : 0);
