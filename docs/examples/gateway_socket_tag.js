const socket = gatewaySocket();

socket.on("said", ({ text }) => {
  document.querySelector("#log").append(text, document.createElement("br"));
});
