// The traces explorer as its readers use it: node explorer.mjs ROOT. With choices, by keyboard, without a script.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { address, blank, launch } from "./book.mjs";

const page_of = address(resolve(process.argv[2]), "notebooks/traces_explorer.html");
const browser = await launch();

/** The examples in sight, each as its data. */
const seen = (page) =>
  page.$$eval(".rg-examples > details", (all) =>
    all.filter((one) => one.checkVisibility()).map((one) => ({ ...one.dataset })),
  );

const page = await blank(browser, "light");
await page.goto(page_of);
const all = await seen(page);
assert.ok(all.length > 20);
const { guard0, label } = all.find((one) => one.label === "harmful");
await page.locator("select[name=guard0]").selectOption(guard0);
await page.locator("select[name=label]").selectOption(label);
const left = all.filter((one) => one.guard0 === guard0 && one.label === label);
assert.deepEqual(await seen(page), left);
assert.ok(left.length < all.length);
assert.equal(await page.getByRole("status").textContent(), `${left.length} of ${all.length} examples`);

await page.getByRole("button", { name: "Close these" }).focus();
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
assert.equal(await page.locator(".rg-examples > details[open]").count(), 1);
assert.ok(await page.locator(".rg-examples > details[open] pre").first().isVisible());

await page.getByRole("button", { name: "All examples" }).click();
await page.waitForFunction((n) => document.querySelector("[role=status]").textContent.startsWith(`${n} of`), all.length);
assert.equal((await seen(page)).length, all.length);

const plain = await browser.newPage({ javaScriptEnabled: false });
await plain.goto(page_of);
assert.equal(await plain.locator(".rg-examples > details > summary:visible").count(), all.length);
assert.equal(await plain.locator(".rg-choices").count(), 0);
await browser.close();
console.log(`The traces explorer: ${all.length} examples, narrowed, opened by keyboard, and there without a script.`);
