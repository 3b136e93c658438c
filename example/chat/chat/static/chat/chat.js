"use strict";

// The page of a room: one WebSocket, opened again when it is lost. Text is only ever set as text.
const chat = document.getElementById("chat");
const who = document.getElementById("who");
const state = document.getElementById("state");
const log = document.getElementById("log");
const typing = document.getElementById("typing");
const compose = document.getElementById("compose");
const text = document.getElementById("text");
const send = document.getElementById("send");

let socket;
let attempts = 0;
let present = null; // names, once the first list has come

function connect() {
  socket = new WebSocket(chat.dataset.socket);
  socket.onopen = () => {
    attempts = 0;
    show("Connected", true);
    say({action: "hello"});
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    receive[message.type]?.(message);
  };
  socket.onclose = () => {
    // Waits of up to 1, 2, 4 … 30 seconds; by chance, so that a thousand pages do not return at once.
    const wait = Math.min(30, 2 ** attempts++) * (0.5 + Math.random() / 2);
    show("Disconnected. Trying again …", false);
    setTimeout(connect, wait * 1000);
  };
}

function say(message) {
  socket.send(JSON.stringify(message));
}

function show(label, connected) {
  state.textContent = label;
  state.classList.toggle("connected", connected);
  send.disabled = !connected;
  if (!connected) {
    present = null;
    who.replaceChildren();
  }
}

const receive = {
  history({messages}) {
    log.replaceChildren(...messages.map(bubble));
    scrollDown();
  },
  message(message) {
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

function clearTyping() {
  typing.textContent = "";
}

function bubble({from, text, sent_on}) {
  const item = element("li", "message");
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

compose.addEventListener("submit", (event) => {
  event.preventDefault();
  if (send.disabled || !text.value.trim()) return;
  say({action: "say", text: text.value});
  text.value = "";
});

let lastTyped = 0;
text.addEventListener("input", () => {
  if (send.disabled || Date.now() - lastTyped < 2000) return;
  lastTyped = Date.now();
  say({action: "typing"});
});

// A browser may keep a page that was left for its back button, with the socket open: nobody would seem to leave.
// Should the page come back, onclose has seen to a new socket.
addEventListener("pagehide", () => socket.close());

connect();
