/**
 * The document: draws a state, reports what the user does. Elements are kept and changed in place, so focus,
 * scrolling and screen readers are not disturbed. Data reaches the page as text nodes only.
 */

import type { Channel } from "./api";
import type { Mode } from "./live";
import { bucket, counts, totalMinutes } from "./store";
import type { Bucket, Change, Counts, Member, Person, Publication, State } from "./store";

export interface Actions {
  logIn(email: string, password: string): void;
  logOut(): void;
  scope(scope: string): void;
  week(week?: string): void;
  approve(member: Member): void;
  reject(member: Member, reason: string): void;
}

export interface Rights {
  user: string;
  approve: boolean;
  reject: boolean;
}

const LABELS: Record<Bucket, string> = {
  submitted: "Pending",
  approved: "Approved",
  rejected: "Rejected",
  draft: "Draft",
  missing: "Missing",
  onLeave: "On leave",
};
const MODES: Record<Mode, [label: string, title: string]> = {
  connecting: ["Connecting", "Opening the live connection"],
  live: ["Live", "Changes arrive as they happen"],
  polling: ["Polling", "No live connection: asking every two seconds"],
  reconnecting: ["Reconnecting", "The connection was lost; what you see may be old"],
};
const ROWS_AT_ONCE = 200;
const FEED_LENGTH = 30;
const LANGUAGE = "en-GB";

interface Row {
  element: HTMLTableRowElement;
  member: Member;
}

export type View = ReturnType<typeof createView>;

export function createView(actions: Actions) {
  const rows = new Map<string, Row>();
  const busy = new Map<string, number>(); // user → the version that the user is deciding on
  const fed = new Map<number, HTMLElement>();
  let rights: Rights = { user: "", approve: false, reject: false };
  let shown: State | undefined;
  let only: Bucket | undefined;
  let limit = ROWS_AT_ONCE;
  let rejecting: Member | undefined;

  byId("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [email, password] = [byId<HTMLInputElement>("email").value, byId<HTMLInputElement>("password").value];
    byId<HTMLButtonElement>("login-submit").disabled = true;
    actions.logIn(email.trim(), password);
  });
  byId("logout").addEventListener("click", actions.logOut);
  byId("scope").addEventListener("change", () => actions.scope(byId<HTMLSelectElement>("scope").value));
  byId("previous").addEventListener("click", () => shown && actions.week(addDays(shown.week, -7)));
  byId("next").addEventListener("click", () => shown && actions.week(addDays(shown.week, 7)));
  byId("today").addEventListener("click", () => actions.week());
  byId("more").addEventListener("click", () => {
    limit = Infinity;
    if (shown) render(shown);
  });
  for (const tile of document.querySelectorAll<HTMLButtonElement>(".tile")) {
    tile.addEventListener("click", () => {
      only = only === tile.dataset["bucket"] ? undefined : (tile.dataset["bucket"] as Bucket);
      if (shown) render(shown);
    });
  }
  byId("reject-cancel").addEventListener("click", () => byId<HTMLDialogElement>("reject-dialog").close());
  byId("reject-form").addEventListener("submit", () => {
    const reason = byId<HTMLTextAreaElement>("reason").value.trim();
    if (rejecting && reason !== "") actions.reject(rejecting, reason);
  });

  function showLogin(message?: string): void {
    forget();
    only = undefined;
    byId("dashboard").hidden = true;
    byId("login").hidden = false;
    byId<HTMLButtonElement>("login-submit").disabled = false;
    tell("login-error", message);
    const email = byId<HTMLInputElement>("email");
    (email.value === "" ? email : byId("password")).focus();
  }

  function showDashboard(person: Person, granted: Omit<Rights, "user">): void {
    rights = { user: person.id, ...granted };
    byId("login").hidden = true;
    byId<HTMLInputElement>("password").value = "";
    byId("dashboard").hidden = false;
    setText(byId("me"), fullName(person));
  }

  function showScopes(channels: readonly Channel[], selected: string): void {
    const select = byId<HTMLSelectElement>("scope");
    select.replaceChildren(
      ...channels.map(({ channel, name }) => {
        const option = new Option(channel.startsWith("company:") ? `${name} (everyone)` : name, channel);
        option.selected = channel === selected;
        return option;
      }),
    );
    select.disabled = channels.length < 2;
  }

  function showMode(mode: Mode): void {
    const badge = byId("badge");
    badge.dataset["status"] = mode;
    [badge.textContent, badge.title] = MODES[mode];
  }

  /** A sentence above the figures; `hide` takes away what the user may not, or no longer, see. */
  function banner(message?: string, hide = false): void {
    tell("banner", message);
    part(document.body, ".week").hidden = hide;
    byId("badge").hidden = hide;
    if (hide) forget();
  }

  function forget(): void {
    shown = undefined;
    byId("content").hidden = true;
    rows.clear();
    busy.clear();
    byId("rows").replaceChildren();
    byId<HTMLDialogElement>("reject-dialog").close();
    forgetFeed();
  }

  function forgetFeed(): void {
    fed.clear();
    byId("feed").replaceChildren();
  }

  function toast(message: string, link?: { label: string; href: string }): void {
    const element = document.createElement("p");
    element.append(message);
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link.href;
      anchor.textContent = link.label;
      element.append(" ", anchor);
    }
    byId("toasts").append(element);
    setTimeout(() => element.remove(), link ? 20_000 : 8_000);
  }

  function setBusy(member: Member, on: boolean): void {
    if (on) busy.set(member.user.id, member.version);
    else busy.delete(member.user.id);
    const row = rows.get(member.user.id);
    if (row && shown) draw(row, row.member, shown);
  }

  function render(state: State): void {
    const fresh = shown?.scope !== state.scope || shown.week !== state.week;
    if (fresh) {
      forget();
      limit = ROWS_AT_ONCE;
    } else if (shown?.epoch !== state.epoch) forgetFeed(); // offsets begin anew
    shown = state;
    renderWeek(state);
    renderFigures(state);
    renderRows(state, fresh);
    renderFeed(state);
    byId("content").hidden = false;
  }

  function renderWeek(state: State): void {
    const current = mondayOf(state.generatedAt, state.timezone);
    setText(byId("week"), weekLabel(state.week));
    byId<HTMLButtonElement>("next").disabled = state.week >= current;
    byId("today").hidden = state.week === current;
    document.title = `${state.name} – GoGoTime`;
  }

  function renderFigures(state: State): void {
    const figures: Counts = counts(state);
    const share = (part: number) => (figures.expected === 0 ? 0 : (100 * part) / figures.expected);
    const handedIn = figures.submitted + figures.approved;
    for (const tile of document.querySelectorAll<HTMLElement>(".tile")) {
      const name = tile.dataset["bucket"] as Bucket;
      setText(tile.querySelector("b")!, String(figures[name]));
      tile.setAttribute("aria-pressed", String(only === name));
    }
    setText(document.querySelector("[data-kpi=expected]")!, String(figures.expected));
    setText(byId("handed-in"), String(handedIn));
    setText(byId("percent"), figures.expected === 0 ? "–" : `${Math.floor(share(handedIn))}%`);
    const meter = byId("progress");
    meter.setAttribute("aria-valuenow", String(Math.floor(share(handedIn))));
    meter.querySelector<HTMLElement>(".approved")!.style.width = `${share(figures.approved)}%`;
    meter.querySelector<HTMLElement>(".submitted")!.style.width = `${share(figures.submitted)}%`;
    const minutes = totalMinutes(state);
    setText(byId("hours"), hours(minutes));
    setText(byId("average"), hours(figures.expected === 0 ? 0 : Math.round(minutes / figures.expected)));
  }

  function renderRows(state: State, fresh: boolean): void {
    const order = new Intl.Collator(LANGUAGE);
    const members = [...state.members.values()]
      .filter((member) => only === undefined || bucket(member) === only)
      .sort((a, b) => order.compare(a.user.lastName, b.user.lastName) || order.compare(a.user.firstName, b.user.firstName));
    const body = byId("rows");
    let place = body.firstElementChild;
    for (const member of members.slice(0, limit)) {
      const row = rows.get(member.user.id) ?? newRow(member);
      const changed = !fresh && row.element.isConnected && row.member.version !== member.version;
      if (row.member !== member || !row.element.isConnected) draw(row, member, state);
      if (changed) flash(row.element);
      if (row.element === place) place = place.nextElementSibling;
      else body.insertBefore(row.element, place);
    }
    while (place) {
      const following = place.nextElementSibling;
      place.remove();
      place = following;
    }
    setText(byId("members-title"), only ? `People: ${LABELS[only].toLowerCase()}` : "People");
    byId("nobody").hidden = members.length > 0;
    setText(byId("nobody"), only ? "Nobody right now." : "Nobody belongs here yet.");
    byId("more").hidden = members.length <= limit;
    setText(byId("more"), `Show all ${members.length} people`);
  }

  function newRow(member: Member): Row {
    const template = byId<HTMLTemplateElement>("row-template").content.firstElementChild!;
    const element = template.cloneNode(true) as HTMLTableRowElement;
    const row = { element, member };
    rows.set(member.user.id, row);
    part(element, ".approve").addEventListener("click", () => actions.approve(row.member));
    part(element, ".reject").addEventListener("click", () => askReason(row.member));
    return row;
  }

  function draw(row: Row, member: Member, state: State): void {
    row.member = member;
    const { element } = row;
    const name = fullName(member.user);
    const group = bucket(member);
    element.dataset["user"] = member.user.id;
    element.dataset["status"] = group === "onLeave" ? "ON_LEAVE" : (member.status ?? "MISSING");
    element.dataset["bucket"] = group;
    element.dataset["version"] = String(member.version);
    element.dataset["minutes"] = String(member.totalMinutes);
    setText(part(element, ".name"), name);
    setText(part(element, ".avatar"), initials(member.user));
    setText(part(element, ".chip"), LABELS[group]);
    setText(part(element, ".number"), member.timesheetId === null ? "–" : hours(member.totalMinutes));
    setText(part(element, ".submitted"), member.submittedAt ? moment(member.submittedAt, state.timezone) : "");
    if (busy.has(member.user.id) && busy.get(member.user.id) !== member.version) busy.delete(member.user.id);
    const decidable = member.status === "SUBMITTED" && member.user.id !== rights.user;
    for (const [action, label, allowed] of [
      [".approve", `Approve the week of ${name}`, rights.approve],
      [".reject", `Reject the week of ${name}`, rights.reject],
    ] as const) {
      const button = part<HTMLButtonElement>(element, action);
      button.hidden = !decidable || !allowed;
      button.disabled = busy.has(member.user.id);
      button.setAttribute("aria-label", label);
    }
  }

  function askReason(member: Member): void {
    rejecting = member;
    setText(byId("reject-title"), `Reject the week of ${fullName(member.user)}?`);
    byId<HTMLTextAreaElement>("reason").value = "";
    byId<HTMLDialogElement>("reject-dialog").showModal();
  }

  function renderFeed(state: State): void {
    const feed = byId("feed");
    const last = state.recent.filter(({ data }) => data.type !== "refetch").slice(-FEED_LENGTH);
    const kept = new Set(last.map(({ offset }) => offset));
    for (const [offset, element] of fed) {
      if (kept.has(offset)) continue;
      element.remove();
      fed.delete(offset);
    }
    let below: Element | null = null; // newest first, so the next one stands above the one before
    for (const publication of last) {
      const element = fed.get(publication.offset) ?? feedItem(publication, state);
      if (!element.isConnected) feed.insertBefore(element, below ?? null);
      below = element;
    }
    byId("quiet").hidden = last.length > 0;
  }

  function feedItem(publication: Publication, state: State): HTMLElement {
    const element = document.createElement("li");
    const { data } = publication;
    if (data.type !== "refetch") {
      element.dataset["topic"] = data.topic;
      const time = document.createElement("time");
      time.dateTime = data.occurredAt;
      time.textContent = moment(data.occurredAt, state.timezone);
      element.append(...sentence(data, state.week), time);
    }
    fed.set(publication.offset, element);
    return element;
  }

  showMode("connecting");
  return { showLogin, showDashboard, showScopes, showMode, banner, toast, setBusy, render };
}

/** What happened, in words. */
export function sentence(change: Change, week: string): (Node | string)[] {
  if (change.type === "refetch") return [];
  if (change.type === "export") {
    return change.topic === "export.failed"
      ? [`An export failed. ${change.error ?? ""}`.trim()]
      : [`An export is ready: ${change.rows.toLocaleString(LANGUAGE)} rows, ${size(change.bytes)}.`];
  }
  const name = document.createElement("b");
  name.textContent = fullName(change.user);
  const other = change.weekStart === week ? "" : ` of ${dayMonth(change.weekStart)}`;
  const forOther = other && ` for the week${other}`;
  switch (change.topic) {
    case "timesheet.submitted":
      return [name, ` handed in ${hours(change.totalMinutes)}${forOther}.`];
    case "timesheet.approved":
      return [name, `’s week${other} was approved.`];
    case "timesheet.rejected":
      return [name, `’s week${other} was rejected.`];
    case "timesheet.withdrawn":
      return [name, ` took the week${other} back.`];
    default:
      return [name, ` saved ${hours(change.totalMinutes)}${forOther}.`];
  }
}

function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function part<T extends HTMLElement = HTMLElement>(parent: Element, selector: string): T {
  return parent.querySelector<T>(selector)!;
}

/** Leaves equal text alone, so that only real changes are announced. */
function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function tell(id: string, message?: string): void {
  byId(id).hidden = message === undefined;
  setText(byId(id), message ?? "");
}

function flash(element: Element): void {
  element.classList.remove("changed");
  void (element as HTMLElement).offsetWidth; // so that the animation starts anew
  element.classList.add("changed");
}

const fullName = (person: Person) => `${person.firstName} ${person.lastName}`.trim();

const initials = (person: Person) => `${person.firstName.at(0) ?? ""}${person.lastName.at(0) ?? ""}`.toUpperCase();

const hours = (minutes: number) => `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The Monday of the company's week at that moment. */
function mondayOf(instant: string, timezone: string): string {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: timezone }).format(new Date(instant));
  return addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));
}

const dayMonth = (day: string) =>
  new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(day));

const weekLabel = (monday: string) =>
  new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).formatRange(
    new Date(monday),
    new Date(addDays(monday, 6)),
  );

/** With the weekday within the last days, with the date before. */
function moment(instant: string, timezone: string): string {
  const recent = Date.now() - Date.parse(instant) < 6 * 86_400_000;
  const day = recent ? ({ weekday: "short" } as const) : ({ day: "numeric", month: "short" } as const);
  const format = { ...day, hour: "2-digit", minute: "2-digit", timeZone: timezone } as const;
  return new Intl.DateTimeFormat(LANGUAGE, format).format(new Date(instant));
}
