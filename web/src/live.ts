/**
 * Keeps a scope's state fresh: over a socket while there is one, by asking every two seconds otherwise.
 *
 * The socket client hands publications on as they come; it neither orders them nor notices a lost one, and it
 * drops one that overtakes the reply to its subscribe. So offsets are watched here, and `catchUp` – the same
 * request that polling makes – closes every gap: after a jump, shortly after each subscribe, and now and then.
 */

import { Centrifuge, UnauthorizedError, type SubscribedContext } from "centrifuge";
import * as api from "./api";
import { apply, hasGap, named, type Change, type Publication, type State } from "./store";

export type Mode = "connecting" | "live" | "polling" | "reconnecting";

export interface Hooks {
  read(): State;
  write(state: State): void;
  /** Reads the snapshot again. */
  reload(): Promise<void>;
  mode(mode: Mode): void;
  /** Something on the user's own channel. */
  notice(change: Change): void;
  /** The server will not tell more: signed out, or no right to this scope any longer. */
  ended(why: "signed-out" | "denied"): void;
}

export interface Live {
  /** Asks for what may have been missed. */
  catchUp(): Promise<void>;
  stop(): void;
}

const LATE_MS = 300;
const AFTER_SUBSCRIBE_MS = 1_000;
const POLL_MS = 2_000;
const GIVE_UP_SOCKET_MS = 5_000;
const AUDIT_MS = 60_000;

const FORBIDDEN = 103;
const UNSUBSCRIBED_BY_SERVER = 2000;
const UNAUTHORIZED = 1;

export function follow(scope: string, access: api.Access, hooks: Hooks): Live {
  let mode: Mode = "connecting";
  let stopped = false;
  let asking = false;
  let gapChecks = 0;
  const timers: Partial<Record<"gap" | "subscribed" | "socket" | "poll", number>> = {};
  const client = access.url === null ? null : openSocket(access.url);
  const audit = window.setInterval(() => mode === "live" && !document.hidden && void catchUp(), AUDIT_MS);
  document.addEventListener("visibilitychange", onVisible);
  hooks.mode(mode);
  if (client === null) poll();
  return { catchUp, stop };

  function openSocket(url: string): Centrifuge {
    const socket = new Centrifuge(url, { token: access.token, getToken: freshToken });
    const { offset, epoch } = hooks.read();
    const subscription = socket.newSubscription(scope, { since: { offset, epoch } });
    subscription.on("publication", (context) => receive([{ offset: context.offset ?? 0, data: context.data }]));
    subscription.on("subscribed", onSubscribed);
    subscription.on("subscribing", onSocketDown);
    subscription.on("unsubscribed", ({ code }) => {
      if (code === FORBIDDEN || code === UNSUBSCRIBED_BY_SERVER) end("denied");
      else poll();
    });
    socket.on("connecting", onSocketDown);
    // Not coming back by itself. Polling goes on, and its status tells whether we may.
    socket.on("disconnected", ({ code }) => (code === UNAUTHORIZED ? end("signed-out") : poll()));
    const own = access.channels.find(({ channel }) => channel.startsWith("user:"));
    if (own) {
      const notices = socket.newSubscription(own.channel);
      notices.on("publication", (context) => hooks.notice(context.data));
      notices.subscribe();
    }
    subscription.subscribe();
    socket.connect();
    return socket;
  }

  async function freshToken(): Promise<string> {
    try {
      return (await api.access()).token;
    } catch (error) {
      if (error instanceof api.Refused && error.status === 401) throw new UnauthorizedError(error.message);
      throw error;
    }
  }

  function onSubscribed(context: SubscribedContext): void {
    clear("socket");
    clear("poll");
    enter("live");
    hooks.write(named(hooks.read(), context.streamPosition?.epoch ?? ""));
    if (context.wasRecovering && !context.recovered) void reload();
    later("subscribed", AFTER_SUBSCRIBE_MS, catchUp);
  }

  function onSocketDown(): void {
    if (stopped || timers.poll !== undefined) return;
    if (mode !== "connecting") enter("reconnecting");
    if (timers.socket === undefined) later("socket", GIVE_UP_SOCKET_MS, poll);
  }

  /** Until the socket subscribes, which clears the timer. */
  function poll(): void {
    if (stopped) return;
    clear("socket");
    later("poll", POLL_MS, poll);
    if (!document.hidden) void catchUp();
  }

  async function catchUp(): Promise<void> {
    if (stopped || asking) return;
    asking = true;
    try {
      const reply = await api.events(scope, hooks.read());
      if (stopped) return;
      if (timers.poll !== undefined) enter("polling");
      hooks.write(named(hooks.read(), reply.epoch));
      if (reply.recovered) receive(reply.publications);
      if (!reply.recovered || hasGap(hooks.read())) await hooks.reload();
    } catch (error) {
      failed(error);
    } finally {
      asking = false;
    }
  }

  async function reload(): Promise<void> {
    try {
      await hooks.reload();
    } catch (error) {
      failed(error);
    }
  }

  function failed(error: unknown): void {
    if (stopped) return;
    if (error instanceof api.Refused && error.status === 401) end("signed-out");
    else if (error instanceof api.Refused && (error.status === 403 || error.status === 404)) end("denied");
    else if (timers.poll !== undefined) enter("reconnecting"); // the next poll tries again
  }

  function receive(publications: readonly Publication[]): void {
    if (stopped) return;
    hooks.write(apply(hooks.read(), publications));
    if (publications.some(({ data }) => data.type === "refetch")) void reload();
    if (!hasGap(hooks.read())) {
      clear("gap");
      gapChecks = 0;
    } else if (timers.gap === undefined) {
      // Twice as long each time: a server that knows nothing of what came must not be asked for ever.
      later("gap", Math.min(LATE_MS * 2 ** gapChecks++, AUDIT_MS), () => hasGap(hooks.read()) && catchUp());
    }
  }

  function enter(next: Mode): void {
    if (stopped || next === mode) return;
    mode = next;
    hooks.mode(mode);
  }

  function onVisible(): void {
    if (!document.hidden) void catchUp();
  }

  function later(name: keyof typeof timers, ms: number, then: () => unknown): void {
    clear(name);
    timers[name] = window.setTimeout(() => {
      delete timers[name];
      then();
    }, ms);
  }

  function clear(name: keyof typeof timers): void {
    window.clearTimeout(timers[name]);
    delete timers[name];
  }

  function end(why: "signed-out" | "denied"): void {
    if (stopped) return;
    stop();
    hooks.ended(why);
  }

  function stop(): void {
    stopped = true;
    window.clearInterval(audit);
    document.removeEventListener("visibilitychange", onVisible);
    for (const name of Object.keys(timers) as (keyof typeof timers)[]) clear(name);
    client?.disconnect();
  }
}
