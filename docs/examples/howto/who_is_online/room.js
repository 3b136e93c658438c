const people = new Map();
const socket = gatewaySocket();

socket.addEventListener("presence", ({ list, joined = [], left = [] }) => {
  if (list) people.clear();
  for (const { id, name } of [...(list ?? []), ...joined]) people.set(id, name);
  for (const { id } of left) people.delete(id);
  const items = [...people.values()].map((name) => {
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  });
  document.querySelector("#people").replaceChildren(...items);
});
socket.join("room-1");
