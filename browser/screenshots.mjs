// Pictures of every page: node screenshots.mjs ROOT FOLDER. At 1280 and 375 pixels, light and dark.
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { address, blank, inTurn, launch, pages } from "./book.mjs";

const [root, folder] = process.argv.slice(2).map((path) => resolve(path));
const only = process.argv[4];
mkdirSync(folder, { recursive: true });
const browser = await launch();
const jobs = pages(root)
  .filter((path) => path.includes("/") && (!only || path.includes(only)))
  .flatMap((path) => [1280, 375].flatMap((width) => ["light", "dark"].map((theme) => [path, width, theme])));
await inTurn(jobs, async ([path, width, theme]) => {
  const page = await blank(browser, theme, width);
  await page.goto(address(root, path), { waitUntil: "load" });
  const name = `${path.replaceAll("/", "-").replace(".html", "")}-${width}-${theme}.png`;
  // For the whole page Chromium resizes the window: by way of the narrow layout, from which the theme
  // slides the sidebar back, and all that stands beside it.
  const style = "* { transition: none !important }";
  await page.screenshot({ path: join(folder, name), fullPage: true, style });
  await page.context().close();
});
await browser.close();
console.log(`${jobs.length} pictures in ${folder}`);
