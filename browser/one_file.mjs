// The book as one file: node one_file.mjs FILE. It asks for nothing else, and what is in it leads to what is in it.
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { blank, launch, violations } from "./book.mjs";

// Alone in a folder: what it would still look for beside it is not there.
const file = join(mkdtempSync(join(tmpdir(), "book-")), "book.html");
copyFileSync(resolve(process.argv[2]), file);
const browser = await launch();
const page = await blank(browser, "light");
const wrong = [];
page.on("request", (asked) => {
  if (!/^(data|blob):/.test(asked.url()) && asked.url() !== pathToFileURL(file).href) wrong.push(`asks for ${asked.url()}`);
});
page.on("console", (said) => said.type() === "error" && wrong.push(said.text()));
page.on("pageerror", (error) => wrong.push(error.message));
await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
const found = await page.evaluate(() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const hrefs = [...document.querySelectorAll("a[href]")].map((element) => element.getAttribute("href"));
  return {
    twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    nowhere: hrefs.filter((href) => href.startsWith("#") && href !== "#" && !document.getElementById(decodeURIComponent(href.slice(1)))),
    beside: hrefs.filter((href) => !/^(#|data:|https?:|mailto:)/.test(href)),
    inside: hrefs.filter((href) => href.startsWith("#")).length,
    chapters: document.querySelectorAll("article h1").length,
  };
});
for (const kind of ["twice", "nowhere", "beside"]) wrong.push(...found[kind].map((what) => `${kind}: ${what}`));
await page.keyboard.press("Control+k");
await page.keyboard.press("Escape");
await page.locator(".theme-switch-button").first().click();
const theme = await page.evaluate(() => document.documentElement.dataset.theme);
await page.setViewportSize({ width: 375, height: 800 });
const width = await page.evaluate(() => document.documentElement.scrollWidth);
if (width > 375) wrong.push(`${width} pixels wide on a phone`);
for (const chosen of ["light", "dark"]) {
  const shown = await blank(browser, chosen);
  await shown.goto(pathToFileURL(file).href, { waitUntil: "load" });
  assert.equal(await shown.evaluate(() => document.documentElement.dataset.theme), chosen);
  wrong.push(...(await violations(shown)).map((found) => `${chosen}: ${found}`));
  await shown.close();
}
await browser.close();
rmSync(dirname(file), { recursive: true });
assert.deepEqual([...new Set(wrong)], []);
assert.ok(found.chapters > 20 && found.inside > 200, JSON.stringify(found));
console.log(`The one file: ${found.chapters} pages, ${found.inside} links inside, and nothing asked for (theme now ${theme}).`);
