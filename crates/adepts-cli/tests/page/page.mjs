// Uses the server's page as a person does: node page.mjs URL CHROMIUM [SCREENSHOTS]
//
// Asserts what a person must find, by keyboard, on a phone, in light and in dark; any request to elsewhere, any error of the
// script and any violation of the page's policy fails it.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, executablePath, screenshots] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  // They take room on most desks.
  ignoreDefaultArgs: ["--hide-scrollbars"],
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

async function open(options, path = "") {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => assert.fail(`the script failed: ${error}`));
  page.on("console", (message) => {
    // A status that is no success is logged by the browser itself; what the page makes of it is asserted.
    const ours = message.type() === "error" && !message.text().startsWith("Failed to load resource");
    assert.ok(!ours, `the browser complains: ${message.text()}`);
  });
  page.on("request", (request) => {
    assert.ok(request.url().startsWith(url) || request.url().startsWith("data:"), `a request to ${request.url()}`);
  });
  await page.goto(url + path);
  return page;
}

async function picture(page, name) {
  if (screenshots) await page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });
}

const status = (page, text) => page.waitForFunction((text) => document.getElementById("status").textContent.includes(text), text);
const narrow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

const known = await fetch(`${url}/v1/items?limit=3`).then((response) => response.json());
const user = process.env.PAGE_USER;

// A user is found by keyboard alone, and it is said why.
{
  const page = await open({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  await status(page, "Find a user");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the answer");
  await page.locator("#user").focus();
  await page.keyboard.type(user);
  await page.keyboard.press("Enter");
  await status(page, `10 items for user ${user}`);
  assert.equal(await page.locator("#items > li").count(), 10);
  assert.ok(page.url().endsWith(`#user=${user}`));
  assert.ok(await page.locator("#known").isVisible());
  await picture(page, "user-light");
  // It can be gone back to.
  await page.reload();
  await status(page, `10 items for user ${user}`);
  // Someone whom nobody knows is told what to do.
  await page.locator("#user").fill("nobody at all");
  await page.keyboard.press("Enter");
  await page.locator("#problem").waitFor();
  const told = await page.locator("#problem").textContent();
  assert.match(told, /“nobody at all”.*add a few items/);
  assert.doesNotMatch(told, /[\[\]"]|history/, "in words for a person, not for a program");
  assert.equal(await page.locator("#items > li").count(), 0);
}

// A history is built from what is found, by keyboard, on a phone, in the dark.
{
  const page = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark", hasTouch: true, isMobile: true });
  await status(page, "Find a user");
  await page.locator("#search").focus();
  await page.keyboard.type(known[0].title ?? String(known[0].item));
  await page.locator("#found-0").waitFor();
  assert.equal(await page.locator("#search").getAttribute("aria-expanded"), "true");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.locator("#search").getAttribute("aria-activedescendant"), "found-0");
  await page.keyboard.press("Enter");
  await status(page, "10 items for this history");
  assert.equal(await page.locator("#chosen button").count(), 1);
  assert.ok(await narrow(page), "nothing stands out to the right");
  await picture(page, "history-dark-phone");
  const more = page.locator("#items button").first();
  await more.tap();
  await page.waitForFunction(() => document.querySelectorAll("#chosen button").length === 2);
  await status(page, "10 items for this history");
  await page.locator("#search").focus();
  await page.keyboard.press("ArrowDown");
  await page.locator("#found-0").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#search").getAttribute("aria-expanded"), "false");
  await page.locator("#chosen button").first().tap();
  await page.waitForFunction(() => document.querySelectorAll("#chosen button").length === 1);
  await page.locator("#clear").tap();
  await status(page, "Find a user");
  const small = await page.evaluate(() => [...document.querySelectorAll("main button, main input")]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24 && e.type !== "checkbox").map((e) => e.id || e.textContent));
  assert.deepEqual(small, [], "large enough to be touched");
}

// The report, and colours that can be told apart in light and dark.
for (const colorScheme of ["light", "dark"]) {
  const page = await open({ viewport: { width: 1100, height: 900 }, colorScheme }, `#history=${known.map((i) => i.item).join(",")}`);
  await status(page, "for this history");
  const contrast = await page.evaluate(() => {
    const light = (colour) => {
      const [r, g, b] = colour.match(/[\d.]+/g).map((c) => Number(c) / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = light(getComputedStyle(document.querySelector(".panel")).backgroundColor);
    return ["h1", ".quiet", "#items small", "summary", "nav a"].map((selector) => {
      const ink = light(getComputedStyle(document.querySelector(selector) ?? document.body).color);
      return [selector, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
    });
  });
  for (const [selector, ratio] of contrast) assert.ok(ratio >= 4.5, `${selector} in ${colorScheme}: ${ratio}`);
  await picture(page, `history-${colorScheme}`);
  await page.locator("#to-report").click();
  await page.frameLocator("#frame").locator("h1").first().waitFor();
  await picture(page, `report-${colorScheme}`);
  await page.locator("#to-ask").click();
  await page.locator("#ask").waitFor();
}

// Tables of the report may be wider than the page, and are then moved in their place; what stands above them is read whole.
for (const width of [360, 500, 700, 1100]) {
  const page = await open({ viewport: { width, height: 900 }, colorScheme: width === 500 ? "dark" : "light" }, "/report");
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const cut = await page.evaluate(() => [...document.querySelectorAll("caption span")].filter((caption) => {
    const [own, seen] = [caption, caption.closest(".scroll")].map((element) => element.getBoundingClientRect());
    return own.right > seen.right + 0.5 || own.width < 100;
  }).map((caption) => caption.textContent));
  assert.deepEqual(cut, [], `captions that are cut at ${width} px`);
  assert.ok(await narrow(page), `nothing of the report stands out to the right at ${width} px`);
  await picture(page, `report-${width}`);
}

await browser.close();
console.log("the page is as it should be");
