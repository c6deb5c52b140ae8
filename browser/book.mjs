// A built book in Debian's Chromium: its pages, and how they are opened.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

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

/** Runs the jobs, two at a time. */
export async function inTurn(jobs, work) {
  const left = [...jobs];
  const one = async () => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await work(job);
  };
  await Promise.all([one(), one()]);
}
