import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { GatewaySocket } from "../src/index.js";
import { Server } from "./server.js";
import { World, record } from "./world.js";

let world, server;
beforeEach(() => {
  world = new World();
  server = new Server(world);
  server.histories.set("room-1", []);
});

const connected = async () => {
  const socket = new GatewaySocket("wss://ws.example.com", { handover: 0 });
  socket.seen = [];
  socket.addEventListener("message", (event) => socket.seen.push(event.message.n));
  await world.advance(1);
  return socket;
};
/** A page that has joined the channel, and has got its first messages. */
const following = async (count) => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  say(1, count);
  await world.advance(1);
  return socket;
};
/** Let the server answer half a second later, until the returned function is called. */
const answerLate = () => {
  const take = server.take;
  server.take = (one, frame) => world.clock.setTimeout(() => take.call(server, one, frame), 500);
  return () => void (server.take = take);
};
const upTo = (count, from = 1) => Array.from({ length: count - from + 1 }, (_, index) => from + index);
const say = (from, to, lost) => upTo(to, from).forEach((n) => server.broadcast("room-1", { n }, lost));
const joins = () => world.socket.sent.filter(({ _ws }) => _ws?.join).map(({ _ws }) => [_ws.join, _ws.leave]);

test("joins and leaves travel together, and after a drop in one message", async () => {
  const socket = await connected();
  const rooms = [socket.join("room-1"), socket.join("lobby")];
  await world.advance(1);
  assert.deepEqual(await Promise.all(rooms), ["e1:0:t", null]);
  assert.deepEqual(joins(), [[{ "room-1": null, lobby: null }, []]]);
  socket.leave("lobby");
  socket.join("other");
  await world.advance(1);
  assert.deepEqual(joins()[1], [{ other: null }, ["lobby"]]);
  world.socket.end(1001);
  await world.advance(2);
  assert.deepEqual(joins(), [[{ "room-1": "e1:0:t", other: null }, []]]);
});

for (const status of [0, 429, 500]) {
  test(`a join is sent again where the answer is ${status || "lost"}`, async () => {
    const socket = await connected();
    const take = server.take;
    server.take = (one, { _ws }) => status && server.push(one, { _ws: { reply: _ws.id, status } });
    const joined = socket.join("room-1");
    await world.advance(5);
    server.take = take;
    await world.advance(30);
    assert.equal(await joined, "e1:0:t");
    say(1, 2);
    await world.advance(35);
    assert.deepEqual(socket.seen, [1, 2]);
    assert.equal(joins().length, 2);
  });
}

test("a hundred channels are joined with several messages", async () => {
  const socket = await connected();
  const names = upTo(120).map((n) => `room-${n}`);
  const sizes = () => joins().map(([join]) => Object.keys(join).length);
  await Promise.all([...names.map((name) => socket.join(name)), world.advance(1)]);
  assert.deepEqual(sizes(), [50, 50, 20]);
  world.socket.end(1001);
  await world.advance(2);
  assert.deepEqual(sizes(), [50, 50, 20]);
  names.forEach((name) => socket.leave(name));
  await world.advance(1);
  assert.deepEqual(joins().map(([, leave]) => leave.length).slice(3), [50, 50, 20]);
});

test("a refused join that nobody awaits is in the console, once", async (t) => {
  const { mock } = t.mock.method(console, "warn", () => {});
  const socket = await connected();
  ["staff", "closed", "room-1"].forEach((name) => socket.join(name));
  await world.advance(1);
  world.socket.end(1001);
  await world.advance(60);
  assert.deepEqual(mock.calls.map(({ arguments: [text] }) => text), [
    "'staff' cannot be joined: Only staff may join.",
    "'closed' cannot be joined: 404",
  ]);
});

test("a join without a channel, or with a bare position, is an error", async () => {
  const socket = await connected();
  const usage = { name: "TypeError", message: "join(channel, {at: position})" };
  const names = [[], [""], [" "], [7], [{ at: "e1:0:t" }], ["room-\0"], ["room-\ud800"], ["\udc00room"]];
  const options = ["e1:0:t", null, 5, { at: 5 }, { at: ["e1:0:t"] }, { at: {} }];
  for (const wrong of [...names, ...options.map((option) => ["room-1", option])]) {
    assert.throws(() => socket.join(...wrong), usage, JSON.stringify(wrong));
  }
  socket.join("room-\u{1f600}");
  socket.join("room-1", { at: "" });
  await world.advance(1);
  assert.deepEqual(joins(), [[{ "room-\u{1f600}": null, "room-1": null }, []]]);
});

test("join() of a channel that is being joined settles both promises", async () => {
  const socket = await connected();
  const first = socket.join("room-1");
  await world.advance(0);
  const second = socket.join("room-1");
  await world.advance(1);
  assert.equal(await first, await second);
});

test("leave() of a channel that is being joined rejects the join", async () => {
  const socket = await connected();
  const join = socket.join("room-1");
  socket.leave("room-1");
  await assert.rejects(join, { name: "RequestError", message: "'room-1' was left", status: 0 });
  await Promise.all([socket.join("room-1"), world.advance(1)]);
});

test("a refused join is rejected, the others are not", async (t) => {
  t.mock.method(console, "warn", () => {});
  const socket = await connected();
  const events = record(socket, "left");
  const [staff, room] = [socket.join("staff"), socket.join("room-1")];
  await assert.rejects(Promise.all([staff, world.advance(1)]), {
    name: "RequestError",
    status: 403,
    message: "'staff' cannot be joined: Only staff may join.",
  });
  assert.equal(await room, "e1:0:t");
  assert.deepEqual(events.map(({ channel, status }) => [channel, status]), [["staff", 403]]);
});

test("messages of a history come in order, once", async () => {
  const socket = await following(300);
  assert.deepEqual(socket.seen, upTo(300));
});

test("what was said while away is brought, with what is said meanwhile", async () => {
  const socket = await following(3);
  const missed = record(socket, "message");
  server.drop(world.socket);
  world.socket.end(1001);
  say(4, 20);
  for (let n = 21; n <= 40; n++) {
    say(n, n);
    await world.advance(0.04);
  }
  await world.advance(5);
  assert.deepEqual(socket.seen, upTo(40));
  assert.ok(missed[0].missed && missed[0].at === "e1:4:t" && missed[0].channel === "room-1");
});

test("what was missed is asked for again where the answer is lost", async () => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  server.drop(world.socket);
  world.socket.end(1001);
  say(1, 3);
  const push = server.push.bind(server);
  server.push = (to, message) => message._ws.missed || push(to, message);
  await world.advance(1);
  assert.deepEqual(socket.seen, []);
  server.push = push;
  await world.advance(4);
  assert.deepEqual(socket.seen, [1, 2, 3]);
});

test("a hole is asked for after 3 s, unless it fills itself", async () => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  say(1, 3);
  say(4, 5, () => true);
  say(6, 8);
  await world.advance(2.5);
  assert.deepEqual(socket.seen, [1, 2, 3]);
  await world.advance(1);
  assert.deepEqual(socket.seen, upTo(8));
  assert.equal(joins().length, 2);
});

test("a lost last message shows with the next beat", async () => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  say(1, 2, () => true);
  await world.advance(490);
  assert.deepEqual(socket.seen, [1, 2]);
});

test("a position that went too far back is a gap", async () => {
  const socket = await connected();
  socket.join("room-1").catch(() => {});
  await world.advance(1);
  const gaps = record(socket, "gap");
  server.drop(world.socket);
  world.socket.end(1001);
  say(1, 60);
  await world.advance(3);
  assert.deepEqual(gaps.map(({ channel, at }) => [channel, at]), [["room-1", "e1:60:t"]]);
  socket.join("room-1", { at: gaps[0].at });
  await world.advance(1);
  say(61, 62);
  await world.advance(1);
  assert.deepEqual(socket.seen, [61, 62]);
});

test("nothing of a channel is heard between its gap and the next join", async () => {
  const socket = await connected();
  socket.join("room-1").catch(() => {});
  await world.advance(1);
  const gaps = record(socket, "gap");
  server.drop(world.socket);
  world.socket.end(1001);
  say(1, 60);
  await world.advance(3);
  world.socket.say({ n: 61, _ws: { channel: "room-1", at: "e1:61:t" } });
  assert.deepEqual([gaps.length, socket.seen], [1, []]);
});

test("who has seen nothing goes on in any history", async () => {
  const socket = await connected();
  server.epoch = "0";
  socket.join("room-1");
  await world.advance(1);
  server.epoch = "e1";
  say(1, 2);
  await world.advance(1);
  assert.deepEqual(socket.seen, [1, 2]);
  assert.equal(joins().length, 1);
});

test("a history that begins anew is a gap", async () => {
  const socket = await following(5);
  const gaps = record(socket, "gap");
  server.epoch = "e2";
  server.histories.set("room-1", []);
  say(1, 2);
  await world.advance(5);
  assert.deepEqual(gaps.map(({ at }) => at), ["e2:2:t"]);
});

for (const epoch of ["e1", "e2"]) {
  test(`the next beat shows that a history went back to ${epoch}:3, though its pushes were lost`, async () => {
    const socket = await following(5);
    const gaps = record(socket, "gap");
    server.epoch = epoch;
    server.histories.set("room-1", []);
    say(1, 3, () => true);
    await world.advance(490);
    assert.deepEqual(gaps.map(({ at }) => at), [`${epoch}:3:t`]);
  });
}

test("another message at the same offset shows that the table was restored from a copy", async () => {
  const socket = await following(5);
  for (const [n, at] of [[4, "e1:4:u"], [5, "e1:5:t"]]) world.socket.say({ n, _ws: { channel: "room-1", at } });
  await world.advance(5);
  assert.equal(joins().length, 1);
  world.socket.say({ n: 6, _ws: { channel: "room-1", at: "e1:5:u" } });
  await world.advance(5);
  assert.deepEqual(joins().slice(1), [[{ "room-1": "e1:5:t" }, []]]);
  assert.deepEqual(socket.seen, upTo(5));
});

test("messages that follow another one at the same offset do not hide it", async () => {
  const socket = await following(5);
  for (const n of [5, 6, 7]) world.socket.say({ n: 100 + n, _ws: { channel: "room-1", at: `e1:${n}:u` } });
  await world.advance(5);
  assert.deepEqual(joins().slice(1), [[{ "room-1": "e1:5:t" }, []]]);
  assert.deepEqual(socket.seen, upTo(5));
});

test("a late push of the earlier history only delays the new one", async () => {
  const socket = await connected();
  say(1, 2);
  socket.join("room-1");
  await world.advance(1);
  say(3, 3);
  await world.advance(1);
  world.socket.say({ n: 9, _ws: { channel: "room-1", at: "e0:9:t" } });
  say(4, 5);
  await world.advance(5);
  say(6, 6);
  await world.advance(1);
  assert.deepEqual(socket.seen, [3, 4, 5, 6]);
});

test("the answer to a join is newer than a push of a history that began anew", async () => {
  const socket = await connected();
  const answerAtOnce = answerLate();
  socket.join("room-1");
  await world.advance(0.1);
  world.socket.say({ n: 3, _ws: { channel: "room-1", at: "e1:3:t" } });
  server.epoch = "e2";
  say(1, 5);
  await world.advance(1);
  answerAtOnce();
  say(6, 8);
  await world.advance(60);
  assert.deepEqual(socket.seen, [6, 7, 8]);
  assert.equal(joins().length, 1);
});

test("what was lost between a push and the answer to the join is asked for", async () => {
  const socket = await connected();
  const answerAtOnce = answerLate();
  say(1, 5);
  socket.join("room-1");
  await world.advance(0.1);
  world.socket.say({ n: 3, _ws: { channel: "room-1", at: "e1:3:t" } });
  await world.advance(1);
  answerAtOnce();
  await world.advance(5);
  assert.deepEqual(socket.seen, [3, 4, 5]);
});

test("what came from a history before it began anew is not taken for its next message", async () => {
  const socket = await connected();
  const answerAtOnce = answerLate();
  socket.join("room-1");
  await world.advance(0.1);
  world.socket.say({ n: 3, _ws: { channel: "room-1", at: "e1:3:t" } });
  server.epoch = "e2";
  await world.advance(1);
  answerAtOnce();
  say(1, 2);
  await world.advance(1);
  assert.deepEqual(socket.seen, [1, 2]);
});

test("missed messages of a history that was deleted are not delivered", async () => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  server.epoch = "e2";
  server.histories.set("room-1", []);
  say(1, 2);
  const gaps = record(socket, "gap");
  world.socket.end(1001);
  await world.advance(5);
  socket.join("room-1", { at: "e2:2:t" });
  await world.advance(1);
  const entries = [{ at: "e1:3:t", message: { n: 3 } }];
  const before = socket.seen.length;
  world.socket.say({ _ws: { channel: "room-1", since: "e1:1:t", missed: entries, at: "e1:3:t" } });
  await world.advance(1);
  assert.equal(socket.seen.length, before);
  say(3, 3);
  await world.advance(1);
  assert.deepEqual(socket.seen.slice(before), [3]);
  assert.ok(gaps.length <= 1);
});

test("a refusal of an earlier join does not end a newer one", async () => {
  const socket = await connected();
  const take = server.take;
  const ids = [];
  server.take = (one, message) => void ids.push(message._ws.id);
  socket.join("room-1", { at: "e1:1:t" }).catch(() => {});
  await world.advance(1);
  server.take = take;
  const gaps = record(socket, "gap");
  const joined = socket.join("room-1");
  await world.advance(1);
  assert.equal(await joined, "e1:0:t");
  const refused = { reply: ids[0], status: 200, refused: { "room-1": 409 }, gap: { "room-1": "e1:9:t" } };
  world.socket.say({ _ws: refused });
  say(1, 1);
  await world.advance(1);
  assert.deepEqual([gaps.length, socket.seen], [0, [1]]);
});

test("a position without a message leaves no hole", async () => {
  const socket = await connected();
  socket.join("room-1");
  await world.advance(1);
  say(1, 1);
  server.histories.get("room-1").push({});
  world.socket.say({ _ws: { channel: "room-1", at: "e1:2:t" } });
  say(3, 3);
  await world.advance(1);
  assert.deepEqual(socket.seen, [1, 3]);
});

test("what is pushed before the join is answered is kept", async () => {
  const socket = await connected();
  server.lag = () => 5;
  socket.join("room-1");
  await world.advance(0);
  world.socket.say({ n: 1, _ws: { channel: "room-1", at: "e1:1:t" } });
  server.histories.get("room-1").push({ n: 1 });
  await world.advance(1);
  say(2, 2);
  await world.advance(1);
  assert.deepEqual(socket.seen, [1, 2]);
});

test("who comes and goes is told", async () => {
  const socket = await connected();
  const events = record(socket, "presence");
  socket.join("room-1");
  await world.advance(1);
  world.socket.say({ _ws: { channel: "room-1", presence: { list: ["alice"] } } });
  world.socket.say({ _ws: { channel: "room-1", presence: { joined: ["bob"], left: [] } } });
  assert.deepEqual(events.map(({ channel, list, joined }) => [channel, list, joined]), [
    ["room-1", ["alice"], undefined],
    ["room-1", undefined, ["bob"]],
  ]);
});

test("messages of channels without a history are heard as they come", async () => {
  const socket = await connected();
  socket.join("lobby");
  await world.advance(1);
  server.broadcast("lobby", { n: 1 });
  world.socket.say({ n: 2, _ws: { channel: "never joined" } });
  await world.advance(1);
  assert.deepEqual(socket.seen, [2, 1]);
});
