/** The page: who is here, which scope and week is open, and what the buttons do. */

import * as api from "./api";
import { follow, type Live } from "./live";
import { apply, load, type Change, type Member, type State } from "./store";
import { createView } from "./view";

const RETRY_MS = 3_000;
/** A decision shows through its event; this asks when the event is late. */
const AFTER_DECISION_MS = 2_000;
/** How many past events an opened scope's feed begins with. */
const FEED_HISTORY = 30;

const UNREACHABLE = "The server cannot be reached.";

let access: api.Access;
let state: State | undefined;
let live: Live | undefined;
/** Counts what the user opened: an answer to an earlier opening is of no interest. */
let opening = 0;
let drawing = false;

const view = createView({
  logIn: (email, password) => void logIn(email, password),
  logOut: () => void logOut(),
  scope: (scope) => void open(scope, state?.week),
  week: (week) => void (state && open(state.scope, week)),
  approve: (member) => void decide(member, () => api.approve(member.timesheetId!)),
  reject: (member, reason) => void decide(member, () => api.reject(member.timesheetId!, reason)),
});

void start();

async function start(): Promise<void> {
  try {
    const me = await api.me();
    access = await api.access();
    view.showDashboard(me, {
      approve: me.permissions.includes("timesheet.approve.team"),
      reject: me.permissions.includes("timesheet.reject.team"),
    });
    const asked = new URLSearchParams(location.search);
    await openFirst(asked.get("scope"), asked.get("week") ?? undefined);
  } catch (error) {
    if (!(error instanceof api.Refused) || error.status >= 500) view.showLogin(UNREACHABLE);
    else view.showLogin(error.status === 401 ? undefined : error.message);
  }
}

const scopes = () => access.channels.filter(({ channel }) => !channel.startsWith("user:"));

/** Opens the scope asked for, if the user has it, else the first of theirs. */
async function openFirst(asked?: string | null, week?: string): Promise<void> {
  const scope = scopes().find(({ channel }) => channel === asked) ?? scopes()[0];
  view.showScopes(scopes(), scope?.channel ?? "");
  if (scope) await open(scope.channel, week);
  else view.banner("There is no team for you to look at yet. Ask your administrator to make you the lead of one.", true);
}

async function logIn(email: string, password: string): Promise<void> {
  try {
    await api.logIn(email, password);
  } catch (error) {
    return view.showLogin(error instanceof api.Refused ? error.message : UNREACHABLE);
  }
  await start();
}

async function logOut(): Promise<void> {
  close();
  await api.logOut().catch(() => undefined); // a session that is gone already is as good
  view.showLogin();
}

function close(): void {
  opening += 1;
  live?.stop();
  live = undefined;
  state = undefined;
}

/** Snapshot first, then the events after it. */
async function open(scope: string, week?: string): Promise<void> {
  const mine = (opening += 1);
  if (scope !== state?.scope) {
    live?.stop();
    live = undefined;
  }
  try {
    const snapshot = await api.snapshot(scope, week);
    if (mine !== opening) return;
    view.banner();
    write(load(snapshot, state));
    remember(scope, week);
    live ??= followScope(scope);
  } catch (error) {
    if (mine === opening) failedToOpen(error, scope, week);
  }
}

function failedToOpen(error: unknown, scope: string, week?: string): void {
  if (error instanceof api.Refused && error.status < 500) {
    if (error.status === 401) ended("signed-out");
    else view.banner(error.message, true);
    return;
  }
  view.banner(`${UNREACHABLE} Trying again…`);
  const mine = opening;
  setTimeout(() => mine === opening && void open(scope, week), RETRY_MS);
}

function followScope(scope: string): Live {
  void loadHistory(scope);
  return follow(scope, access, { read: () => state!, write, reload, mode: view.showMode, notice, ended });
}

/** Fills the feed with what happened before; without it the feed only begins empty. */
async function loadHistory(scope: string): Promise<void> {
  const { epoch, offset } = state!;
  if (offset === 0) return;
  const past = await api.events(scope, { epoch, offset: Math.max(0, offset - FEED_HISTORY) }).catch(() => undefined);
  if (past?.recovered && state?.scope === scope && state.epoch === epoch) write(apply(state, past.publications));
}

async function reload(): Promise<void> {
  const mine = opening;
  const snapshot = await api.snapshot(state!.scope, state!.week);
  if (mine === opening) write(load(snapshot, state));
}

/** Drawn once per frame, however many publications come: a company's Friday afternoon is a burst. */
function write(next: State): void {
  if (next === state) return;
  state = next;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (state) view.render(state);
  });
}

/** Keeps the address of what is open, for reloading and for links in mails. */
function remember(scope: string, week?: string): void {
  const query = new URLSearchParams({ scope, ...(week ? { week } : {}) });
  history.replaceState(null, "", `?${query.toString().replaceAll("%3A", ":")}`);
}

async function decide(member: Member, run: () => Promise<unknown>): Promise<void> {
  view.setBusy(member, true);
  try {
    await run();
    setTimeout(() => void live?.catchUp(), AFTER_DECISION_MS);
  } catch (error) {
    view.setBusy(member, false);
    if (error instanceof api.Refused && error.status === 401) ended("signed-out");
    else view.toast(error instanceof api.Refused ? error.message : UNREACHABLE);
  }
}

function notice(change: Change): void {
  if (change.type !== "export") return;
  if (change.topic === "export.failed") view.toast(`Your export failed. ${change.error ?? ""}`.trim());
  else view.toast("Your export is ready.", { label: "Download", href: `/api/exports/${change.exportId}/download` });
}

function ended(why: "signed-out" | "denied"): void {
  const name = state?.name;
  close();
  if (why === "signed-out") return view.showLogin("Your session has ended. Please sign in again.");
  void lostScope(name ?? "this team");
}

/** The other scopes stay open to choose. */
async function lostScope(name: string): Promise<void> {
  view.banner(`You no longer have access to ${name}.`, true);
  try {
    access = await api.access();
    view.showScopes([{ channel: "", name: "Choose…" }, ...scopes()], "");
  } catch {
    view.showScopes([], "");
  }
}
