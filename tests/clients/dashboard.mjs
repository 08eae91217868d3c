// The dashboard page in a real browser, as a process: node dashboard.mjs
//
// Environment: BASE_URL, EMAIL, PASSWORD, CHROMIUM (default /usr/bin/chromium), QUERY ("?scope=…&week=…"),
// SCHEME (light | dark), WIDTH, HEIGHT, TIMEOUT (milliseconds that a command waits, default 15000).
//
// It logs in and then prints what the page shows, as it changes: {"event":"ready"}, {"event":"row",user,status,
// minutes,version}, {"event":"badge",status}, {"event":"kpi",name,value}, {"event":"feed",text},
// {"event":"toast",text}, {"event":"banner",text}, {"event":"console",type,text}, {"event":"reload",count}. A
// MutationObserver reports, so nothing is polled and nothing that was shown is missed.
//
// Commands: {"cmd":"wait","user":…,"status":…} → {"event":"seen",…}; {"cmd":"badge","status":…} → "seen";
// {"cmd":"approve","user":…} {"cmd":"reject","user":…,"reason":…}; {"cmd":"scope","channel":…}
// {"cmd":"week","to":"previous"|"next"}; {"cmd":"offline","on":true|false}; {"cmd":"screenshot","path":…,"full":true};
// {"cmd":"check"} → {"event":"check",loads,consoleErrors} ; {"cmd":"quit"}. A command that cannot be done in
// time prints {"event":"error",cmd,message}.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { emit, required, serve } from "./lines.mjs";

const { CHROMIUM = "/usr/bin/chromium", QUERY = "", SCHEME = "light", WIDTH = 1280, HEIGHT = 800 } = process.env;
const base = required("BASE_URL");
const timeout = Number(process.env.TIMEOUT ?? 15_000);

const profile = await mkdtemp(join(tmpdir(), "dashboard-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  headless: true,
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
  colorScheme: SCHEME,
  viewport: { width: Number(WIDTH), height: Number(HEIGHT) },
});
context.setDefaultTimeout(timeout);
const page = context.pages()[0] ?? (await context.newPage());

let loads = 0;
let consoleErrors = 0;
page.on("domcontentloaded", () => {
  loads += 1;
  if (loads > 1) emit("reload", { count: loads - 1 });
});
page.on("console", (message) => {
  const type = message.type();
  if (type !== "error" && type !== "warning") return;
  if (expected(message)) return;
  if (type === "error") consoleErrors += 1;
  emit("console", { type, text: message.text() });
});
page.on("pageerror", (error) => {
  consoleErrors += 1;
  emit("console", { type: "exception", text: String(error) });
});

/** The browser logs every failed request by itself. Asking who is signed in is answered 401 before the log-in. */
function expected(message) {
  return message.location().url.endsWith("/api/auth/current") && message.text().includes("401");
}

await page.exposeFunction("report", (event, fields) => emit(event, fields));
await page.addInitScript(`document.addEventListener("DOMContentLoaded", ${observe})`);

/** In the page: tells each value that is shown, once per change. */
function observe() {
  const told = new Map();
  const tell = (key, event, fields) => {
    const value = JSON.stringify(fields);
    if (told.get(key) === value) return;
    told.set(key, value);
    window.report(event, fields);
  };
  const look = () => {
    if (document.getElementById("dashboard").hidden) return;
    const banner = document.querySelector("[data-testid=banner]");
    if (!banner.hidden) tell("banner", "banner", { text: banner.textContent });
    tell("badge", "badge", { status: document.querySelector("[data-testid=badge]").dataset.status });
    if (document.getElementById("content").hidden) return;
    for (const row of document.querySelectorAll("[data-testid=row]")) {
      const { user, status, minutes, version } = row.dataset;
      tell(`row ${user}`, "row", { user, status, minutes: Number(minutes), version: Number(version) });
    }
    for (const figure of document.querySelectorAll("[data-testid^=kpi-]")) {
      const name = figure.dataset.testid.slice(4);
      tell(`kpi ${name}`, "kpi", { name, value: figure.textContent });
    }
  };
  const added = (records) => {
    for (const { target, addedNodes } of records) {
      const event = { feed: "feed", toasts: "toast" }[target.id];
      for (const node of event ? addedNodes : []) window.report(event, { text: node.textContent });
    }
  };
  new MutationObserver((records) => {
    added(records);
    look();
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}

const row = (user, status) =>
  page.locator(`[data-testid=row][data-user="${user}"]${status ? `[data-status="${status}"]` : ""}`);

const commands = {
  async wait({ user, status }) {
    await row(user, status).waitFor();
    emit("seen", { user, status, loads });
  },
  async badge({ status }) {
    await page.locator(`[data-testid=badge][data-status="${status}"]`).waitFor();
    emit("seen", { badge: status });
  },
  async approve({ user }) {
    await row(user).getByTestId("approve").click();
  },
  async reject({ user, reason }) {
    await row(user).getByTestId("reject").click();
    await page.getByTestId("reason").fill(reason);
    await page.getByTestId("confirm-reject").click();
  },
  async scope({ channel }) {
    await page.getByTestId("scope").selectOption(channel);
  },
  async week({ to }) {
    await page.getByTestId(to).click();
  },
  async offline({ on }) {
    await context.setOffline(on);
  },
  async screenshot({ path, full = false }) {
    if (full) await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path, fullPage: full, animations: "disabled" });
    emit("screenshot", { path });
  },
  check() {
    emit("check", { loads, consoleErrors });
  },
  async quit() {
    emit("check", { loads, consoleErrors });
    await context.close();
    await rm(profile, { recursive: true, force: true });
  },
};

try {
  await page.goto(`${base}/${QUERY}`);
  await page.locator("#email").fill(required("EMAIL"));
  await page.locator("#password").fill(required("PASSWORD"));
  await page.locator("#login-submit").click();
  await page.locator("#dashboard, [data-testid=login-error]").filter({ visible: true }).first().waitFor();
  const refused = page.getByTestId("login-error");
  if (await refused.isVisible()) throw new Error(`log-in refused: ${await refused.textContent()}`);
  emit("ready");
} catch (error) {
  emit("error", { cmd: "start", message: error.message });
  await commands.quit();
  process.exit(1);
}
await serve(commands);
process.exit(0);
