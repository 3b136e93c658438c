/** Many clients, each a real GatewaySocket, whose connections all drop in the same moment. Prints a histogram. */

import { GatewaySocket } from "../src/core.js";
import { World } from "./world.js";

/**
 * @param {number} count
 * @param {number} [seed]
 * @param {number} [spread] the window; by default what the server gives for so many
 */
export const crowd = async (count, seed = 1, spread = Math.max(0.5, count / 400)) => {
  const world = new World(seed);
  // Each client has a page of its own, and in none of them anything happens.
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
  const back = [];
  for (let client = 0; client < count; client++) {
    const socket = new GatewaySocket("wss://ws.example.com", { window: spread, beat: 0 });
    socket.addEventListener("open", () => back.push(world.clock.time));
  }
  await world.advance(1);
  const dropped = world.clock.time;
  world.attempts.length = back.length = 0;
  for (const socket of world.open) socket.end(1006);
  await world.advance(spread + 31);
  const since = (times) => times.map((time) => (time - dropped) / 1000).sort((one, other) => one - other);
  const attempts = since(world.attempts);
  const opened = since(back);
  let busiest = 0;
  for (let first = 0, last = 0; last < attempts.length; last++) {
    while (attempts[last] - attempts[first] >= 1) first++;
    busiest = Math.max(busiest, last - first + 1);
  }
  return { attempts, busiest, back: opened.length, p95: opened[Math.ceil(count * 0.95) - 1], last: opened.at(-1) };
};

export const histogram = ({ attempts }, step = 5) => {
  const lines = [];
  for (let from = 0; from <= attempts.at(-1); from += step) {
    const found = attempts.filter((at) => at >= from && at < from + step).length;
    lines.push(`${String(from).padStart(3)} s ${"#".repeat(Math.round(found / 50))} ${found}`);
  }
  return lines.join("\n");
};

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const count of [10_000, 18_000]) {
    const run = await crowd(count);
    console.log(`${count} clients: ${run.attempts.length} attempts, at most ${run.busiest} in a second,`);
    console.log(`95% back within ${run.p95.toFixed(1)} s, the last one after ${run.last.toFixed(1)} s\n${histogram(run)}\n`);
  }
  const unspread = await crowd(10_000, 1, 0.5);
  console.log(`10000 clients with a window of 0.5 s for everybody: ${unspread.busiest} attempts in a second`);
}
