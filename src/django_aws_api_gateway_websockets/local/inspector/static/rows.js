// From an event to a row of the timeline. Texts go in by textContent only, so nothing in them is taken for HTML.

const LABELS = {
  handshake: "Handshake",
  refused: "Refused",
  opened: "Open",
  received: "→ Message",
  call: "Call",
  reply: "← Reply",
  error: "← Error",
  push: "← Push",
  closed: "End",
  fault: "Fault",
};

const FAULTS = {
  gone: "The push gets 410: gone",
  slow: "The push gets 429: slow client",
  throttled: "The push gets 429: account limit",
  error: "The push gets 500",
  hang: "The push hangs for 30 seconds",
  cut: "Cut without $disconnect",
  age: "2 hours later: closed with 1001",
  idle: "10 idle minutes: closed with 1001",
  deploy: "Next deploy: the site is away for 3 seconds",
};

export const faultText = (name) => FAULTS[name] ?? name;

export function isProblem(event) {
  if (event.kind === "call") return event.status === null || event.status >= 400;
  if (event.kind === "push") return event.status !== 200;
  return ["refused", "error", "fault"].includes(event.kind);
}

// What the row says in its line, and the short result at its end.
function summary(event) {
  switch (event.kind) {
    case "handshake":
      return [`GET ${event.path}${event.query ? `?${event.query}` : ""}`, ""];
    case "refused":
      return [event.answer, event.status];
    case "opened":
      return [`API ${event.api}, stage ${event.stage}${event.user ? `, user ${event.user}` : ""}`, "101"];
    case "received":
      return [event.text, event.route];
    case "call": {
      const said = event.status === null || isProblem(event) ? ` — ${event.summary}` : "";
      return [`${event.route}: ${event.method} ${event.url}${said}`, `${event.status ?? "failed"} · ${event.ms} ms`];
    }
    case "push":
      return [event.status === 200 ? event.text : `${event.summary}: ${event.text}`, event.status];
    case "closed":
      return [event.reason, event.code];
    case "fault":
      return [faultText(event.name), ""];
    default:
      return [event.text, ""];
  }
}

function look(event) {
  const looks = [];
  if (event.kind === "received" || event.kind === "handshake") looks.push("in");
  if (["reply", "push"].includes(event.kind)) looks.push("out");
  if (event.kind === "fault") looks.push("warn");
  else if (isProblem(event)) looks.push("bad");
  else if (event.kind === "call" || event.kind === "push" || event.kind === "opened") looks.push("good");
  return looks.join(" ");
}

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("data-") || name.startsWith("aria-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// The terminal's lines have local time too.
function clock(time) {
  const date = new Date(time);
  const digits = (number, count = 2) => String(number).padStart(count, "0");
  return `${[date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => digits(part)).join(":")}.${digits(date.getMilliseconds(), 3)}`;
}

export const shortId = (id) => id.slice(0, 8);

export function row(event, act) {
  const [what, result] = summary(event);
  const line = element(
    "summary",
    {},
    element("span", { class: "time mono", textContent: clock(event.time) }),
    element("span", { class: "kind", textContent: LABELS[event.kind] }),
    element("span", { class: "who mono", textContent: shortId(event.connection), title: event.connection }),
    element("span", { class: "what mono", textContent: what }),
    element("span", { class: "result mono", textContent: String(result) }),
  );
  const details = element("details", { class: look(event) }, line);
  // Most rows are never opened, so what is inside is made on demand.
  details.addEventListener("toggle", () => details.children.length === 1 && details.append(inside(event, act)));
  return element("li", { "data-kind": event.kind, "data-n": String(event.n) }, details);
}

function inside(event, act) {
  const box = element("div", { class: "inside" });
  if (event.headers) box.append(table(event.headers));
  if (event.text) box.append(element("pre", { textContent: pretty(event.text) }));
  if (event.kind === "call") {
    box.append(element("h3", { textContent: `The site answered: ${event.summary}` }));
    if (event.answer) box.append(element("pre", { textContent: pretty(event.answer) }));
  }
  const actions = element("div", { class: "actions" });
  const button = (textContent, name) =>
    actions.append(element("button", { type: "button", textContent, onclick: () => act(name, event), "data-act": name }));
  if (["handshake", "call", "push", "reply", "error"].includes(event.kind)) button("Copy as curl", "curl");
  if (["received", "call", "push", "reply", "error"].includes(event.kind)) {
    button("Send again", "again");
    button("Edit and send…", "edit");
  }
  for (const kind of ["channel", "user"]) if (event[kind]) button(`Follow ${kind} ${event[kind]}`, kind);
  if (actions.children.length) box.append(actions);
  return box;
}

function table(headers) {
  const body = element("tbody");
  for (const [name, value] of headers) {
    body.append(
      element("tr", {}, element("th", { scope: "row", textContent: name }), element("td", { class: "mono", textContent: value })),
    );
  }
  return element("table", {}, body);
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
