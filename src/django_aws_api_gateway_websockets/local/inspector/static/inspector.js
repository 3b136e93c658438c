// The inspector's page: it asks for events, keeps them, and shows those that you chose.

import { element, faultText, isProblem, pretty, row, shortId } from "./rows.js";

const MAX_EVENTS = 10_000;
const MAX_ROWS = 500;
const token = new URLSearchParams(location.search).get("token") ?? "";
const $ = (id) => document.getElementById(id);

const events = [];
const connections = new Map(); // by id: {id, state, channel, stage, count}
let last = 0;
let chosen = ""; // the id of a connection, "channel:NAME", "user:NAME", or "" for all
let paused = false;

// --- Requests ---------------------------------------------------------------------------------------------

async function ask(path, data) {
  const options = { headers: { "X-Inspector-Token": token } };
  if (data !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(data) });
  const answer = await fetch(path, options);
  if (!answer.ok) {
    const { message } = await answer.json().catch(() => ({}));
    throw new Error(message ?? `The gateway answered ${answer.status}`);
  }
  return answer;
}

async function attempt(path, data, done) {
  try {
    const answer = await ask(path, data);
    say(done);
    return await answer.json();
  } catch (error) {
    say(error.message);
    return null;
  }
}

const say = (text) => ($("status").textContent = text);

async function listen() {
  let lost = false;
  for (;;) {
    try {
      const answer = await ask(`events.jsonl?after=${last}&wait=20&limit=500`);
      if (lost) say("Connected again");
      lost = false;
      take((await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line)));
    } catch (error) {
      if (!lost) say(`The local gateway does not answer: ${error.message}`);
      lost = true;
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}

// --- Events -----------------------------------------------------------------------------------------------

function take(fresh) {
  if (!fresh.length) return;
  last = fresh.at(-1).n;
  for (const event of fresh) {
    events.push(event);
    note(event);
  }
  events.splice(0, events.length - MAX_EVENTS);
  showConnections();
  showState();
  if (!paused) append(fresh.filter(matches));
}

// You can follow all connections of a user or a channel. The site tells the gateway the user only while DEBUG is on.
const SIGNS = { user: "@", channel: "#" };
const grouped = (id) => /^(user|channel):(.*)$/s.exec(id)?.slice(1);
const members = ([kind, name]) => [...connections.values()].filter((one) => one[kind] === name);
const about = (one) =>
  [...Object.keys(SIGNS).map((kind) => one[kind] && `${SIGNS[kind]} ${one[kind]}`), one.stage, one.state].filter(Boolean).join(" · ");
const newConnection = (id, state) => ({ id, state, user: "", channel: "", stage: "", count: 0 });

function note(event) {
  if (!event.connection) return;
  const known = connections.get(event.connection) ?? newConnection(event.connection, "opening");
  connections.set(event.connection, known);
  known.count += 1;
  if (event.kind === "handshake") known.channel = event.channel;
  if (event.kind === "opened") Object.assign(known, { state: "open", stage: event.stage, user: event.user });
  if (event.kind === "refused") known.state = "refused";
  if (event.kind === "closed") known.state = `ended ${event.code}`;
}

function matches(event) {
  const kind = $("kind").value;
  if (kind === "problem" ? !isProblem(event) : kind && !kind.split(" ").includes(event.kind)) return false;
  const [group, name] = grouped(chosen) ?? [];
  if (group) {
    if (connections.get(event.connection)?.[group] !== name) return false;
  } else if (chosen && event.connection && event.connection !== chosen) return false;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  event.searchable ??= JSON.stringify(event).toLowerCase();
  return words.every((word) => event.searchable.includes(word));
}

// --- What is shown ----------------------------------------------------------------------------------------

function append(fresh) {
  const main = document.querySelector("main");
  const atEnd = main.scrollTop + main.clientHeight >= main.scrollHeight - 40;
  const timeline = $("timeline");
  timeline.append(...fresh.slice(-MAX_ROWS).map((event) => row(event, act)));
  while (timeline.children.length > MAX_ROWS) timeline.firstChild.remove();
  $("empty").hidden = timeline.children.length > 0;
  if (atEnd) main.scrollTop = main.scrollHeight;
}

function showEvents() {
  const found = events.filter(matches);
  $("timeline").replaceChildren();
  $("timeline").classList.toggle("all", !chosen || Boolean(grouped(chosen)));
  $("earlier").hidden = found.length <= MAX_ROWS;
  $("earlier").textContent = `The last ${MAX_ROWS} of ${found.length} events. Search to see others.`;
  $("empty").textContent = events.length ? "No event matches." : "No events yet. Open a WebSocket to the local gateway, and watch it here.";
  append(found);
}

function showConnections() {
  const list = [item("", "All connections", "", connections.size, "group")];
  for (const [kind, sign] of Object.entries(SIGNS)) {
    for (const name of new Set([...connections.values()].map((one) => one[kind]).filter(Boolean))) {
      list.push(item(`${kind}:${name}`, `${sign} ${name}`, "", members([kind, name]).length, "group"));
    }
  }
  for (const one of [...connections.values()].reverse().slice(0, 200)) {
    list.push(item(one.id, shortId(one.id), about(one), one.count, one.state.split(" ")[0]));
  }
  const focused = document.activeElement?.dataset?.choose;
  $("connections").replaceChildren(...list);
  if (focused !== undefined) $("connections").querySelector(`[data-choose="${CSS.escape(focused)}"]`)?.focus();
}

function item(id, name, about, count, state) {
  const button = element(
    "button",
    { type: "button", class: state, "data-choose": id, "aria-current": String(id === chosen), onclick: () => choose(id) },
    element("span", { class: "dot", "aria-hidden": "true" }),
    element("span", { class: "mono", textContent: name }),
    element("span", { class: "count", textContent: String(count) }),
  );
  if (about) button.append(element("span", { class: "about", textContent: about }));
  return element("li", {}, button);
}

function choose(id) {
  chosen = id;
  const one = connections.get(id);
  const [group, name] = grouped(id) ?? [];
  const title = group && `${group === "user" ? "User" : "Channel"} ${name}`;
  $("target").textContent = title ?? (id ? `Connection ${id}` : "All connections");
  $("target-about").textContent = one ? about(one) : "";
  const open = one?.state === "open";
  $("push").disabled = $("close").disabled = !open;
  $("save").disabled = !id;
  for (const button of document.querySelectorAll("[data-fault]")) button.disabled = Boolean(group) || (Boolean(one) && !open);
  showConnections();
  showEvents();
}

async function showState() {
  try {
    const { armed, open, chaos } = await (await ask("state")).json();
    for (const { connection, stage, user } of open) {
      if (!connections.has(connection)) connections.set(connection, { ...newConnection(connection, "open"), stage, user });
    }
    const waiting = armed.map(
      ({ name, connection, lasting }) =>
        `${faultText(name)} (${connection ? shortId(connection) : "all"}${lasting ? ", every push" : ""})`,
    );
    if (chaos !== null) waiting.push(`chaos with the seed ${chaos}`);
    $("armed").textContent = waiting.length ? `Armed: ${waiting.join("; ")}` : "";
    const one = connections.get(chosen);
    if (one) $("push").disabled = $("close").disabled = one.state !== "open";
  } catch {
    // The loop that listens says so.
  }
}

// --- What you do ------------------------------------------------------------------------------------------

function dialog(title, about, text, ok) {
  $("dialog-title").textContent = title;
  $("dialog-about").textContent = about;
  $("dialog-text").value = text;
  $("dialog-ok").textContent = ok;
  $("dialog").returnValue = "";
  $("dialog").showModal();
  $("dialog-text").focus();
  return new Promise((resolve) => {
    $("dialog").onclose = () => resolve($("dialog").returnValue === "ok" ? $("dialog-text").value : null);
  });
}

async function copy(title, about, text) {
  if ((await dialog(title, about, text, "Copy")) === null) return;
  try {
    await navigator.clipboard.writeText($("dialog-text").value);
    say("Copied");
  } catch {
    say("The browser did not allow to copy. Select the text and copy it yourself.");
  }
}

const MASKED = "Secrets are masked as •••, so fill them in yourself.";

async function act(name, event) {
  if (name === "again") await attempt("again", { event: event.n }, "Sent again");
  if (name === "edit") {
    const text = await dialog("Edit and send", MASKED, pretty(event.text), "Send");
    if (text !== null) await attempt("again", { event: event.n, text }, "Sent");
  }
  if (name === "curl") {
    const found = await attempt(`curl?event=${event.n}`, undefined, "");
    if (found) await copy("Copy as curl", MASKED, found.text);
  }
  if (name in SIGNS) choose(`${name}:${event[name]}`);
}

async function fault(name) {
  const lasting = $("lasting").checked;
  await attempt("fault", { name, connection: chosen, lasting }, faultText(name));
  await showState();
}

async function push() {
  const text = await dialog(`Push to ${chosen}`, "The client gets this text as a frame.", "", "Push");
  if (text !== null) await attempt("push", { connection: chosen, text }, "Pushed");
}

async function save() {
  const group = grouped(chosen);
  const ids = group ? members(group).map((one) => one.id) : [chosen];
  const found = await attempt(`test?connection=${encodeURIComponent(ids.join(","))}`, undefined, "");
  if (found) await copy("Save as a test", "Put this into a test module of your site, and run it.", found.text);
}

function pause() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Paused" : "Pause";
  if (!paused) showEvents();
}

for (const button of document.querySelectorAll("[data-fault]")) button.onclick = () => fault(button.dataset.fault);
$("pause").onclick = pause;
$("push").onclick = push;
$("close").onclick = () => attempt("close", { connection: chosen }, "Closed");
$("save").onclick = save;
$("clear").onclick = async () => {
  await attempt("clear", {}, "No fault is armed");
  await showState();
};
$("search").oninput = $("kind").onchange = showEvents;
$("connections").onkeydown = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...$("connections").querySelectorAll("button")];
  const next = step && buttons[buttons.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
};
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    $("search").focus();
  }
});

choose("");
listen();
