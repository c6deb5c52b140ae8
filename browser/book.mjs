// A built book in Debian's Chromium: its pages, and how they are opened.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Paths of the book's pages, below its root; what lies in _static are the theme's own pieces. */
export function pages(root) {
  return readdirSync(root, { recursive: true })
    .filter((path) => path.endsWith(".html") && !path.startsWith("_"))
    .sort();
}

export const address = (root, path) => pathToFileURL(join(root, path)).href;

/** A page with the theme chosen as a reader would choose it. */
export async function blank(browser, theme, width = 1280) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height: 900 } });
  context.setDefaultTimeout(120_000); // on a machine that does other things as well
  await context.addInitScript((chosen) => {
    localStorage.setItem("mode", chosen);
    localStorage.setItem("theme", chosen);
  }, theme);
  return context.newPage();
}

/** What axe-core finds serious or critical in a page, a line each. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"], preload: false }));
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, nodes }) => `axe ${id}, ${impact}, ${nodes.length} times: ${nodes[0].html.slice(0, 160)}`);
}

/** Runs the jobs, two at a time. */
export async function inTurn(jobs, work) {
  const left = [...jobs];
  const one = async () => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await work(job);
  };
  await Promise.all([one(), one()]);
}
