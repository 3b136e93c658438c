"use strict";

// The page of a room: one GatewaySocket, which comes back by itself. Text is only ever set as text.
const chat = document.getElementById("chat");
const who = document.getElementById("who");
const state = document.getElementById("state");
const log = document.getElementById("log");
const typing = document.getElementById("typing");
const compose = document.getElementById("compose");
const text = document.getElementById("text");
const send = document.getElementById("send");

const countdown = document.getElementById("countdown");
const retry = document.getElementById("retry");

let present = null; // names, once the first list has come

// Why the server has closed the connection for good.
const GOODBYES = {
  logout: "You have logged out.",
  session_ended: "You have logged out.",
  password_changed: "Your password has changed. Log in again.",
  user_inactive: "Your account is closed.",
  kicked: "You were removed from this room.",
};

const socket = gatewaySocket();
socket.addEventListener("open", () => socket.send({action: "hello"}));
socket.addEventListener("state", show);
setInterval(count, 1000);
retry.addEventListener("click", () => socket.reconnect());

function show() {
  const labels = {
    connecting: "Connecting …",
    open: "Connected",
    waiting: "Disconnected",
    refused: socket.reason?.message || "You may not enter this room.",
    closed: GOODBYES[socket.reason?.message] ?? "Disconnected by the server",
  };
  const connected = socket.state === "open";
  state.firstElementChild.textContent = labels[socket.state];
  state.classList.toggle("connected", connected);
  retry.hidden = connected || socket.state === "connecting";
  send.disabled = !connected;
  if (!connected) {
    present = null;
    who.replaceChildren();
  }
  count();
}

// Outside the status, or a screen reader would read every second aloud.
function count() {
  const seconds = Math.ceil((socket.nextAttempt - Date.now()) / 1000);
  countdown.textContent = socket.nextAttempt && seconds > 0 ? `Next attempt in ${seconds} s` : "";
}

// Show the messages in the page. After a gap, the page has new ones.
function showAll() {
  log.replaceChildren(...JSON.parse(document.getElementById("messages").textContent).map(bubble));
  scrollDown();
}

const receive = {
  message(message) {
    // The page may show this message already, because a message can be newer than the page's position.
    if (document.getElementById(`message-${message.id}`)) return;
    clearTyping();
    log.append(bubble(message));
    scrollDown();
  },
  who({users}) {
    if (present) {
      users.filter((name) => !present.includes(name)).forEach((name) => note(`${name} came in`));
      present.filter((name) => !users.includes(name)).forEach((name) => note(`${name} left`));
    }
    present = users;
    who.replaceChildren(...users.map(person));
  },
  typing({user}) {
    typing.textContent = `${user} is writing …`;
    clearTimeout(clearTyping.timer);
    clearTyping.timer = setTimeout(clearTyping, 3000);
  },
  error({text}) {
    note(text);
  },
};

showAll();
socket.addEventListener("live", showAll);
for (const [type, handler] of Object.entries(receive)) socket.on(type, handler);

function clearTyping() {
  typing.textContent = "";
}

function bubble({id, from, text, sent_on}) {
  const item = element("li", "message");
  item.id = `message-${id}`;
  item.classList.toggle("mine", from === chat.dataset.user);
  const time = element("time", "", new Date(sent_on).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}));
  time.dateTime = sent_on;
  const by = element("p", "by", from);
  by.append(time);
  item.append(avatar(from), by, element("p", "text", text));
  return item;
}

function person(name) {
  const item = element("li", "");
  item.append(avatar(name), element("span", "name", name));
  return item;
}

function avatar(name) {
  const circle = element("span", "avatar", name.slice(0, 1));
  circle.setAttribute("aria-hidden", "true");
  circle.style.setProperty("--hue", [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7));
  return circle;
}

function note(line) {
  log.append(element("li", "note", line));
  scrollDown();
}

function element(tag, className, content = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = content;
  return node;
}

function scrollDown() {
  log.scrollTop = log.scrollHeight;
}

compose.addEventListener("submit", async (event) => {
  event.preventDefault();
  const line = text.value;
  if (send.disabled || !line.trim()) return;
  text.value = "";
  try {
    // A request survives a drop, and the server runs it once.
    await socket.request("say", {text: line});
  } catch (error) {
    note(`Not sent: ${error.message}`);
    text.value ||= line;
  }
});

let lastTyped = 0;
text.addEventListener("input", () => {
  if (send.disabled || Date.now() - lastTyped < 2000) return;
  lastTyped = Date.now();
  socket.send({action: "typing"});
});
