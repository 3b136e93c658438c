const socket = gatewaySocket();

socket.on("said", ({ pk, text }) => {
  // A row that was newer than the position of the page comes once more.
  if (document.getElementById(`entry-${pk}`)) return;
  const item = document.createElement("li");
  item.id = `entry-${pk}`;
  item.textContent = text;
  document.getElementById("log").append(item);
});
