import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { GatewaySocket } from "../src/index.js";
import { Server } from "./server.js";
import { World, record } from "./world.js";

let world, server, current, tabs, locks;

/** What a browser gives to the tabs of one site. */
beforeEach(() => {
  world = new World();
  server = new Server(world);
  tabs = [];
  locks = [];
  current = { page: world.page, channels: new Set() };
  const later = (run) => world.clock.setTimeout(run, 1);

  globalThis.BroadcastChannel = class {
    constructor(name) {
      this.tab = current;
      this.name = name;
      this.tab.channels.add(this);
    }
    postMessage(data) {
      assert.ok(this.tab.channels.has(this), "the channel is closed");
      const copy = structuredClone(data);
      for (const tab of tabs) {
        for (const other of tab.channels) {
          if (other !== this && other.name === this.name) later(() => tab.channels.has(other) && other.onmessage({ data: copy }));
        }
      }
    }
    close() {
      this.tab.channels.delete(this);
    }
  };

  const grant = () => {
    const [lock] = locks;
    if (!lock || lock.held) return;
    lock.held = true;
    later(async () => {
      use(lock.tab);
      await lock.run();
      free(lock);
    });
  };
  const free = (lock) => {
    locks = locks.filter((other) => other !== lock);
    grant();
  };
  const request = (name, { signal }, run) =>
    new Promise((_, reject) => {
      const lock = { tab: current, run };
      locks.push(lock);
      signal.addEventListener("abort", () => {
        if (lock.held) return;
        free(lock);
        reject(signal.reason);
      });
      lock.tab.free = () => free(lock);
      grant();
    });
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
});

const use = (tab) => {
  current = tab;
  globalThis.addEventListener = tab.page.addEventListener.bind(tab.page);
  globalThis.removeEventListener = tab.page.removeEventListener.bind(tab.page);
};

const openTab = (options) => {
  const tab = { page: new EventTarget(), channels: new Set(), seen: [] };
  use(tab);
  tabs.push(tab);
  tab.socket = new GatewaySocket("wss://ws.example.com", { share: "chat", beat: 0, handover: 0, ...options });
  tab.socket.addEventListener("message", ({ message }) => tab.seen.push(message.n));
  return tab;
};
const openTabs = async (count) => {
  for (let index = 0; index < count; index++) {
    openTab();
    await world.advance(0.1);
  }
  return tabs;
};
const states = () => tabs.map(({ socket }) => socket.state);
const fire = (tab, type) => {
  use(tab);
  tab.page.dispatchEvent(new Event(type));
};
/** The process of the tab that has the connection is gone: nothing of it runs any more. */
const kill = (tab) => {
  tabs = tabs.filter((other) => other !== tab);
  tab.channels.clear();
  server.drop(world.socket);
  Object.assign(world.socket, { readyState: 3, onclose: null, onmessage: null });
  tab.free();
};

test("20 tabs are one connection", async () => {
  await openTabs(20);
  assert.deepEqual([world.sockets.length, new Set(states()).size, states()[19]], [1, 1, "open"]);
  world.socket.say({ n: 1 });
  await world.advance(0.1);
  assert.ok(tabs.every(({ seen }) => seen.join() === "1"));
});

test("each tab sends, and gets the answers to its own requests", async () => {
  await openTabs(3);
  tabs.forEach(({ socket }, n) => assert.equal(socket.send({ action: "plain", n }), true));
  const answers = Promise.all(tabs.map(({ socket }, n) => socket.request("ask", { n })));
  await world.advance(1);
  const ran = (await answers).map(({ ran }) => server.runs[ran - 1].n);
  assert.deepEqual(ran, [0, 1, 2]);
  assert.deepEqual(server.runs.filter(({ action }) => action === "plain").map(({ n }) => n).sort(), [0, 1, 2]);
});

test("a leave takes nothing from another tab", async () => {
  const [one, two, three] = await openTabs(3);
  one.socket.join("lobby");
  two.socket.join("lobby");
  await world.advance(1);
  one.socket.leave("lobby");
  await world.advance(1);
  server.broadcast("lobby", { n: 1 });
  await world.advance(1);
  assert.deepEqual([one.seen, two.seen, three.seen], [[], [1], []]);
  two.socket.leave("lobby");
  await world.advance(1);
  assert.equal(server.members.get("lobby").size, 0);
});

test("tabs have positions of their own", async () => {
  server.histories.set("room-1", [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ n })));
  const [one, two] = await openTabs(2);
  one.socket.join("room-1", { at: "e1:6:t" });
  two.socket.join("room-1", { at: "e1:1:t" });
  await world.advance(2);
  assert.deepEqual([one.seen, two.seen], [[7, 8], [2, 3, 4, 5, 6, 7, 8]]);
});

for (const how of ["closed", "killed"]) {
  test(`when the tab with the connection is ${how} another takes over within a second, 20 times`, async () => {
    await openTabs(21);
    server.histories.set("room-1", []);
    tabs.forEach(({ socket }) => socket.join("room-1"));
    await world.advance(1);
    for (let n = 1; n <= 20; n++) {
      const [first] = tabs;
      if (how === "killed") kill(first);
      else {
        fire(first, "pagehide");
        tabs.shift();
      }
      server.broadcast("room-1", { n });
      await world.advance(1);
      assert.deepEqual(new Set(states()), new Set(["open"]));
      assert.equal(world.open.length, 1);
      assert.equal(world.sockets.length, n + 1);
    }
    await world.advance(1);
    assert.deepEqual(tabs[0].seen, Array.from({ length: 20 }, (_, index) => index + 1));
  });
}

test("the tabs see the drops and states of their connection", async () => {
  await openTabs(2);
  const events = tabs.map(({ socket }) => record(socket, "state", "close"));
  world.answer = () => undefined;
  world.socket.end(1006);
  await world.advance(0.01);
  assert.deepEqual(states(), ["waiting", "waiting"]);
  assert.equal(tabs[1].socket.nextAttempt, tabs[0].socket.nextAttempt);
  await world.advance(0.6);
  assert.deepEqual(states(), ["connecting", "connecting"]);
  assert.ok(events.every(([close, ...rest]) => close.type === "close" && close.again && rest.length === 2));
});

test("a request of a tab goes on over the next tab's connection", async () => {
  const [first, second] = await openTabs(2);
  const { take } = server;
  server.take = () => {};
  const request = second.socket.request("ask", { n: 1 });
  await world.advance(0.2);
  server.take = take;
  kill(first);
  await world.advance(1);
  assert.deepEqual(await request, { ran: 1 });
});

test("a logout reaches all tabs", async () => {
  await openTabs(3);
  const closes = tabs.map(({ socket }) => record(socket, "close"));
  world.socket.say({ _ws: { bye: "logout", again: false } });
  await world.advance(3600);
  assert.deepEqual(states(), ["closed", "closed", "closed"]);
  assert.ok(tabs.every(({ socket }) => socket.reason.message === "logout"));
  assert.ok(closes.every((seen) => seen.length === 1 && !seen[0].again));
  assert.equal(world.sockets.length, 1);
});

test("a tab that closes its socket leaves the others theirs", async () => {
  const [first, second, third] = await openTabs(3);
  second.socket.close();
  await world.advance(1);
  assert.deepEqual(states(), ["open", "closed", "open"]);
  assert.equal(world.sockets.length, 1);
  first.socket.close();
  await world.advance(1);
  assert.deepEqual(states(), ["closed", "closed", "open"]);
  assert.deepEqual([world.open.length, first.socket.reason.message], [1, undefined]);
  use(first);
  first.socket.reconnect();
  await world.advance(1);
  assert.deepEqual(states(), ["open", "closed", "open"]);
  assert.equal(world.open.length, 1);
  assert.equal(third.socket.send({ n: 1 }), true);
});

test("a frozen tab gives the connection away, and comes back as one of many", async () => {
  const [first, second] = await openTabs(2);
  fire(first, "freeze");
  await world.advance(1);
  assert.deepEqual(states(), ["waiting", "open"]);
  assert.equal(world.open.length, 1);
  fire(first, "resume");
  await world.advance(1);
  assert.deepEqual(states(), ["open", "open"]);
  assert.equal(world.open.length, 1);
  assert.equal(second.socket.send({ n: 1 }), true);
});

test("without Web Locks each tab has its own", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  await openTabs(2);
  await world.advance(1);
  assert.deepEqual([world.open.length, states()], [2, ["open", "open"]]);
});

for (const how of ["by a hand-over", "with a refusal"]) {
  test(`a tab that lost a channel ${how} no longer keeps another tab's membership`, async () => {
    const handover = how === "by a hand-over" ? 100 : 0;
    const [first, second] = [openTab({ handover }), openTab({ handover })];
    const left = [first, second].map(({ socket }) => record(socket, "left"));
    if (!handover) server.barred.add("room");
    for (const { socket } of [first, second]) socket.join("room");
    await world.advance(1);
    server.barred.add("room");
    await world.advance(140);
    assert.deepEqual(left.map(({ length }) => length), [1, 1]);
    server.barred.clear();
    first.socket.join("room");
    await world.advance(2);
    assert.equal(server.members.get("room").size, 1);
    first.socket.leave("room");
    await world.advance(5);
    assert.equal(server.members.get("room").size, 0);
  });
}
