import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { GatewaySocket } from "../src/index.js";
import { Server } from "./server.js";
import { World, record } from "./world.js";

let world, server;
beforeEach(() => {
  world = new World();
  server = new Server(world);
});

const connected = async (options) => {
  const socket = new GatewaySocket("wss://ws.example.com?channel=x", options);
  await world.advance(1);
  return socket;
};

test("it hands over between 1 h 45 and 1 h 55, unseen", async () => {
  const moments = [];
  for (let seed = 0; seed < 40; seed++) {
    world = new World(seed);
    server = new Server(world);
    const socket = await connected();
    const events = record(socket, "open", "close", "state", "message");
    const began = world.clock.time;
    while (world.sockets.length < 2) await world.advance(5);
    moments.push((world.clock.time - began) / 60_000);
    await world.advance(60);
    assert.equal(world.sockets[1].url, "wss://ws.example.com?channel=x&ws_v=1&ws_wait=1");
    assert.deepEqual(world.sockets.map(({ readyState }) => readyState), [3, 1]);
    assert.equal(events.length, 0);
    assert.equal(socket.state, "open");
  }
  assert.ok(Math.min(...moments) > 104.9 && Math.max(...moments) < 115.1);
  assert.ok(Math.max(...moments) - Math.min(...moments) > 5);
});

test("200 hand-overs under traffic both ways: nothing lost, nothing doubled, no close", async () => {
  const socket = await connected({ handover: 5, beat: 0 });
  const events = record(socket, "close", "state");
  const [seen, answered] = [[], []];
  socket.addEventListener("message", ({ message }) => seen.push(message.n));
  socket.join("lobby");
  await world.advance(0.5);
  let n = 0;
  for (; server.moved.size < 200 || n < 10_000; n++) {
    server.broadcast("lobby", { n });
    assert.equal(socket.send({ action: "plain", n }), true);
    if (n % 10 === 0) socket.request("ask", { n }).then(() => answered.push(n));
    await world.advance(0.1);
  }
  await world.advance(60);
  const sorted = (numbers) => [...numbers].sort((one, other) => one - other);
  const all = Array.from({ length: n }, (_, index) => index);
  const ran = (action) => sorted(server.runs.filter((run) => run.action === action).map((run) => run.n));
  assert.deepEqual(sorted(seen), all);
  assert.deepEqual(ran("plain"), all);
  assert.deepEqual(ran("ask"), all.filter((number) => number % 10 === 0));
  assert.equal(answered.length, Math.ceil(n / 10));
  assert.equal(events.length, 0);
  assert.ok(server.moved.size >= 200);
});

test("an answer to another request that comes first is not the answer to the move", async () => {
  const socket = await connected({ handover: 100 });
  const events = record(socket, "close", "state");
  server.move = (other, { id }) => {
    other.say({ message: "No", _ws: { reply: request, status: 409 } });
    server.later(() => other.say({ _ws: { reply: id, status: 200 } }));
  };
  const take = server.take.bind(server);
  server.take = (other, frame) => frame.action === "slow" || take(other, frame);
  const failed = assert.rejects(socket.request("slow", {}, { timeout: 300 }), { status: 409 });
  const request = world.sockets[0].sent.at(-1)._ws.id;
  await world.advance(160);
  await failed;
  assert.deepEqual(world.sockets.map(({ readyState }) => readyState), [3, 1]);
  assert.equal(events.length, 0);
});

test("the page hears of a channel that it may no longer be in", async () => {
  const socket = await connected({ handover: 100 });
  const left = record(socket, "left");
  socket.join("lobby");
  socket.join("room");
  await world.advance(1);
  server.barred.add("room").add("x");
  await world.advance(160);
  assert.deepEqual(left.map(({ channel, status }) => [channel, status]), [["room", 403], ["x", 403]]);
  world.open[0].end(1001);
  await world.advance(5);
  assert.deepEqual(world.open[0].sent.map(({ _ws }) => _ws.join), [{ lobby: null }]);
});

/** What happens while the first hand-over is under way: `room` is joined again, after the server has left it. */
const joinDuringMove = async (lag, then) => {
  const socket = await connected({ handover: 100 });
  void socket.join("room");
  await world.advance(1);
  const left = record(socket, "left");
  const outcome = [];
  const move = server.move.bind(server);
  server.move = (other, ws) => {
    server.move = move;
    server.barred.add("room");
    server.lag = () => lag;
    move(other, ws);
    server.lag = () => 10;
    then?.();
    const note = (how) => (error) => outcome.push(error?.message ?? how);
    world.clock.setTimeout(() => socket.join("room").then(note("joined"), note("refused")), 1);
  };
  await world.advance(150);
  return { outcome, left: left.map(({ channel, status }) => [channel, status]) };
};

test("a join that is refused during a hand-over is settled", async () => {
  const { outcome, left } = await joinDuringMove(15);
  assert.deepEqual(outcome, ["'room' cannot be joined: 403"]);
  assert.deepEqual(left, [["room", 403]]);
});

test("a channel joined after the move is not left by its late answer", async () => {
  const { outcome, left } = await joinDuringMove(50, () => server.barred.clear());
  assert.deepEqual([outcome, left, server.members.get("room").size], [["joined"], [], 1]);
});

test("a join under way when a channel is lost is settled", async () => {
  const socket = await connected({ handover: 100 });
  let outcome = "pending";
  const move = server.move.bind(server);
  server.barred.add("room");
  server.move = (other, ws) => {
    server.move = move;
    socket.join("room").then(() => (outcome = "joined"), ({ status }) => (outcome = status));
    // The server has not got it yet, or its answer is lost.
    const { join } = server;
    server.join = () => (server.join = join);
    world.clock.setTimeout(() => move(other, ws), 100);
  };
  await world.advance(120);
  assert.equal(outcome, 403);
});

test("lost channels that need another frame are left too", async () => {
  const socket = await connected();
  const left = record(socket, "left");
  const messages = record(socket, "message");
  socket.join("room");
  await world.advance(31);
  world.socket.say({ _ws: { lost: { room: 403 } } });
  await world.advance(1);
  assert.deepEqual(left.map(({ channel, status }) => [channel, status]), [["room", 403]]);
  assert.equal(messages.length, 0);
});

test("a refused move leaves the old connection as it is", async () => {
  const socket = await connected({ handover: 100 });
  const events = record(socket, "close", "state");
  server.move = (other, { id }) => server.push(other, { _ws: { reply: id, status: 403 } });
  await world.advance(200);
  assert.deepEqual(world.sockets.map(({ readyState }) => readyState), [1, 3]);
  assert.equal(events.length, 0);
  world.sockets[0].end(1001);
  await world.advance(1);
  assert.equal(socket.state, "open");
});

test("a new connection that does not open changes nothing", async () => {
  const socket = await connected({ handover: 100 });
  const events = record(socket, "close", "state");
  world.answer = () => 1006;
  await world.advance(200);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual([socket.state, events.length], ["open", 0]);
});

for (const status of [0, 500]) {
  test(`a move that ${status ? "fails" : "nobody answers"} is a drop, since nobody knows`, async () => {
    const socket = await connected({ handover: 100 });
    server.move = (other, { id }) => status && server.push(other, { _ws: { reply: id, status } });
    const closes = record(socket, "close");
    await world.advance(160);
    assert.deepEqual(closes.map(({ again }) => again), [true]);
    assert.deepEqual(world.sockets.map(({ readyState }) => readyState), [3, 3, 1]);
    assert.equal(socket.state, "open");
  });
}

test("an old connection that drops during a hand-over is a drop", async () => {
  const socket = await connected({ handover: 100 });
  world.answer = (other) => (other.url.includes("ws_wait") ? (world.sockets[0].end(1006), true) : true);
  await world.advance(120);
  assert.equal(socket.state, "open");
  assert.equal(world.open.length, 1);
  assert.ok(!world.open[0].url.includes("ws_wait"));
});

test("a request under way when the old connection closes is asked again", async () => {
  const socket = await connected({ handover: 100 });
  let silent;
  const take = server.take.bind(server);
  server.take = (other, frame) => (frame.action === "slow" && (silent ??= other) === other ? undefined : take(other, frame));
  while (world.sockets.length < 2) {
    if (server.tokens.size && !silent) silent = world.sockets[0];
    await world.advance(0.01);
  }
  const request = socket.request("slow", { n: 1 });
  await world.advance(40);
  assert.deepEqual(await request, { ran: 1 });
});

test("hand-over can be turned off, and needs a server that gives tokens", async () => {
  const off = await connected({ handover: 0, beat: 0 });
  await world.advance(7100);
  assert.equal(world.sockets.length, 1);
  off.close();
  world.received = (socket, { _ws }) => _ws?.beat && socket.say({ _ws: { beat: true } });
  await connected();
  await world.advance(7100);
  assert.equal(world.sockets.length, 2);
});
