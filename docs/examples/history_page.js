const socket = gatewaySocket();

socket.on("said", ({ pk, text }) => {
  // The page may show this row already, because a row can be newer than the page's position.
  if (document.getElementById(`entry-${pk}`)) return;
  const item = document.createElement("li");
  item.id = `entry-${pk}`;
  item.textContent = text;
  document.getElementById("log").append(item);
});
