// The official client, unchanged, as a process: node centrifuge.mjs [channel …]
//
// Environment: API (http://host:port, logs in with EMAIL and PASSWORD and takes tokens and the socket's address
// from POST /api/realtime/token) or TOKEN; WS_URL (wins over the address the API tells); CHANNEL (comma list,
// beside the arguments; TEAM, COMPANY or USER is the first such channel that the API grants); SINCE
// (offset/epoch, for the channels of the start); ORIGIN (header of the handshake).
//
// Commands: {"cmd":"disconnect"} {"cmd":"connect"} {"cmd":"drop"} {"cmd":"subscribe","channel":…,
// "since":{offset,epoch}?} {"cmd":"unsubscribe","channel":…} {"cmd":"quit"}. `drop` cuts the transport as a lost
// network does: the client reconnects and recovers by itself.

import { Centrifuge, UnauthorizedError } from "centrifuge";
import WebSocket from "ws";
import { emit, required, serve } from "./lines.mjs";

const { API, ORIGIN, SINCE, CHANNEL = "" } = process.env;
let session;
const granted = API ? await access() : { token: required("TOKEN"), url: null, channels: [] };

async function access() {
  session ??= await logIn();
  const response = await fetch(`${API}/api/realtime/token`, { method: "POST", headers: { authorization: session } });
  if (response.status === 401) throw new UnauthorizedError(await response.text());
  if (!response.ok) throw new Error(`POST /api/realtime/token: ${response.status} ${await response.text()}`);
  return response.json();
}

async function logIn() {
  const body = JSON.stringify({ email: required("EMAIL"), password: required("PASSWORD") });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${API}/api/auth/login`, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`POST /api/auth/login: ${response.status} ${await response.text()}`);
  return `Bearer ${(await response.json()).token}`;
}

/** Sends no Origin by itself, as no client outside of a browser does. */
let transport;
class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, ORIGIN ? { origin: ORIGIN } : {});
    transport = this;
  }
}

const url = process.env.WS_URL ?? granted.url;
if (!url) {
  emit("error", { message: "no socket here: WS_URL is not set and the API tells no address" });
  process.exit(3);
}
const client = new Centrifuge(url, {
  websocket: Socket,
  token: granted.token,
  getToken: API ? async () => (await access()).token : null,
});
client.on("connecting", ({ code, reason }) => emit("connecting", { code, reason }));
client.on("connected", ({ client: id, transport }) => emit("connected", { client: id, transport }));
client.on("disconnected", ({ code, reason }) => emit("disconnected", { code, reason }));
client.on("error", ({ type, error }) => emit("error", { type, code: error.code, message: error.message }));

function subscribe(channel, since) {
  const known = client.getSubscription(channel);
  if (known && !since) return known.subscribe();
  if (known) {
    known.unsubscribe();
    client.removeSubscription(known);
  }
  const subscription = client.newSubscription(channel, since ? { since } : {});
  subscription.on("subscribing", ({ code, reason }) => emit("subscribing", { channel, code, reason }));
  subscription.on("subscribed", (context) => emit("subscribed", context));
  subscription.on("publication", ({ offset, data }) => emit("publication", { channel, offset, data }));
  subscription.on("unsubscribed", ({ code, reason }) => emit("unsubscribed", { channel, code, reason }));
  subscription.on("error", ({ type, error }) => emit("error", { channel, type, code: error.code, message: error.message }));
  subscription.subscribe();
}

/** TEAM, COMPANY and USER stand for the first granted channel of the kind. */
function resolve(channel) {
  if (!/^[A-Z]+$/.test(channel)) return channel;
  const found = granted.channels.find((grant) => grant.channel.startsWith(`${channel.toLowerCase()}:`));
  if (!found) throw new Error(`the API grants no ${channel.toLowerCase()} channel`);
  return found.channel;
}

const since = SINCE ? { offset: Number(SINCE.split("/")[0]), epoch: SINCE.split("/")[1] ?? "" } : undefined;
for (const channel of [...process.argv.slice(2), ...CHANNEL.split(",")].filter(Boolean)) subscribe(resolve(channel), since);
client.connect();

await serve({
  connect: () => client.connect(),
  disconnect: () => client.disconnect(),
  drop: () => transport?.terminate(),
  subscribe: ({ channel, since }) => subscribe(resolve(channel), since),
  unsubscribe: ({ channel }) => client.getSubscription(resolve(channel))?.unsubscribe(),
  quit: () => client.disconnect(),
});
process.exit(0);
