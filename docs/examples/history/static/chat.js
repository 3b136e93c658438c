const socket = gatewaySocket();
const [form, state] = [document.getElementById("form"), document.getElementById("state")];

socket.addEventListener("state", () => (state.textContent = socket.state));

socket.on("said", ({ pk, text }) => {
  // The page may show this row already, because a row can be newer than the page's position.
  if (document.getElementById(`line-${pk}`)) return;
  const item = document.createElement("li");
  item.id = `line-${pk}`;
  item.textContent = text;
  document.getElementById("list").append(item);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text } = form.elements;
  try {
    // Without a connection, this waits for the next one.
    await socket.request("say", { text: text.value });
    form.reset();
  } catch (error) {
    state.textContent = error.message;
  }
});
