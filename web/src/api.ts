/** The requests of the page: same origin, session cookie, JSON. */

import type { Position, Publication, Snapshot } from "./store";

export interface Me {
  id: string;
  firstName: string;
  lastName: string;
  permissions: string[];
}

export interface Channel {
  channel: string;
  name: string;
}

/** What `POST /realtime/token` grants. Without `url` there are no sockets here: poll. */
export interface Access {
  token: string;
  url: string | null;
  channels: Channel[];
}

export interface Events extends Position {
  recovered: boolean;
  publications: Publication[];
}

/** The server refused; `message` is its sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api${path}`, {
    method,
    credentials: "same-origin",
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Refused(response.status, messageOf(text) ?? `${response.status} ${response.statusText}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

function messageOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return undefined; // not from the application: a proxy's page, say
  }
}

export const logIn = (email: string, password: string) =>
  call<unknown>("POST", "/auth/login", { email, password });

export const logOut = () => call<void>("POST", "/auth/logout");

export const me = () => call<Me>("GET", "/auth/current");

export const access = () => call<Access>("POST", "/realtime/token");

export const snapshot = (scope: string, week?: string) =>
  call<Snapshot>("GET", `/dashboard/${scope}${week ? `?week=${week}` : ""}`);

export const events = (scope: string, since: Position) =>
  call<Events>("GET", `/dashboard/${scope}/events?since=${since.offset}&epoch=${encodeURIComponent(since.epoch)}`);

export const approve = (timesheet: string) => call<unknown>("PUT", `/timesheets/${timesheet}/approve`);

export const reject = (timesheet: string, reason: string) =>
  call<unknown>("PUT", `/timesheets/${timesheet}/reject`, { reason });
