// Looks at pages in a real browser: on a phone and on a desktop, light and dark.
//
//   node browse.mjs MODULES BROWSER PICTURES URL...
//
// MODULES is a folder of node modules with puppeteer-core and axe-core, BROWSER a Chromium, PICTURES
// a folder for the screenshots. Writes a line of JSON for each look at a page: what axe-core found,
// what the console said, how much wider than the window the page is, which scripts ran.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [modules, browserPath, pictures, ...urls] = process.argv.slice(2);
const require = createRequire(join(modules, "node_modules", "browse.cjs"));
const puppeteer = require("puppeteer-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const schemes = ["light", "dark"];

const browser = await puppeteer.launch({
  executablePath: browserPath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
});

// What a name in an address stands for in the name of a picture.
const named = (url) =>
  new URL(url).pathname.slice(1).replace(/[0-9a-f]{40,}/g, "x").replace(/[^a-z0-9]+/gi, "-") || "live";

try {
  const names = new Map();
  for (const url of urls) {
    const seen = names.get(named(url)) ?? 0;
    names.set(named(url), seen + 1);
    const name = seen === 0 ? named(url) : `${named(url)}-${seen + 1}`;
    for (const [size, viewport] of Object.entries(sizes)) {
      for (const scheme of schemes) {
        const page = await browser.newPage();
        const console_ = [];
        const requests = [];
        page.on("console", (said) => console_.push(said.text()));
        page.on("pageerror", (error) => console_.push(String(error)));
        page.on("dialog", async (dialog) => {
          console_.push(`dialog: ${dialog.message()}`);
          await dialog.dismiss();
        });
        page.on("request", (request) => requests.push(request.url()));
        await page.setViewport({ ...viewport, deviceScaleFactor: 1 });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        const answer = await page.goto(url, { waitUntil: "load", timeout: 60000 });
        const policy = answer.headers()["content-security-policy"] ?? "";
        const picture = join(pictures, `${name}-${size}-${scheme}.png`);
        await page.screenshot({ path: picture, fullPage: true });
        const measured = await page.evaluate(() => ({
          wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          wide: [...document.querySelectorAll("main *")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible" && !one.closest(".hidden, thead"))
            .map((one) => one.outerHTML.slice(0, 200)),
          scripts: document.scripts.length,
          handlers: [...document.querySelectorAll("*")]
            .filter((one) => [...one.attributes].some((attribute) => attribute.name.startsWith("on")))
            .length,
          foreign: document.querySelectorAll("img, iframe, object, embed, form, base, svg, style").length,
          first: document.querySelector("h1")?.textContent ?? "",
          headings: document.querySelectorAll("h1").length,
          text: document.body.innerText,
        }));
        // The page may load no script: this is the tool's own, past the page's policy.
        await page.evaluate(axeSource);
        const found = await page.evaluate(async () => {
          const { violations, incomplete } = await window.axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
          });
          const short = (one) => ({ id: one.id, nodes: one.nodes.map((node) => node.html.slice(0, 200)) });
          return { violations: violations.map(short), incomplete: incomplete.map(short) };
        });
        // Every link is reached with the keyboard, and shows that it is.
        await page.evaluate(() => document.activeElement?.blur?.());
        let shown = 0;
        let reached = 0;
        for (let step = 0; step < 12; step += 1) {
          await page.keyboard.press("Tab");
          const one = await page.evaluate(() => {
            const active = document.activeElement;
            if (!active || active === document.body) return null;
            const style = getComputedStyle(active);
            return { outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 };
          });
          if (!one) break;
          reached += 1;
          shown += Number(one.outline);
        }
        const status = answer.status();
        console.log(JSON.stringify({ url, size, scheme, status, policy, picture, console: console_, requests, reached, shown, ...measured, ...found }));
        await page.close();
      }
    }
  }
} finally {
  await browser.close();
}
