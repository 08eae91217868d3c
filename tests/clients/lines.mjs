// One JSON object per line: events out on stdout, commands in on stdin. What the Rust tests speak with us.

import { createInterface } from "node:readline";

/** Prints an event with the moment it was seen, so that tests can measure. */
export function emit(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields, at: Date.now() })}\n`);
}

process.on("unhandledRejection", (reason) => emit("error", { message: String(reason?.message ?? reason) }));
process.on("uncaughtException", (error) => {
  emit("error", { message: error.message });
  process.exit(1);
});

/** Runs commands one after another; a failing one is an event, not the end. */
export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    let name = "?";
    try {
      const { cmd, ...options } = JSON.parse(line);
      name = cmd;
      if (!Object.hasOwn(commands, cmd)) throw new Error(`unknown command ${cmd}`);
      await commands[cmd](options);
      if (cmd === "quit") return;
    } catch (error) {
      emit("error", { cmd: name, message: error.message });
    }
  }
  await commands.quit(); // the test is gone
}

/** An environment variable that must be there. */
export function required(name) {
  const value = process.env[name];
  if (value) return value;
  emit("error", { message: `${name} is not set` });
  process.exit(2);
}
