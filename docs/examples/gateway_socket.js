import { GatewaySocket } from "/static/django_aws_api_gateway_websockets/gateway-socket.js";

const socket = new GatewaySocket("wss://ws.example.com?channel=lobby");

socket.on("said", ({ text }) => {
  document.querySelector("#log").append(text, document.createElement("br"));
});

document.querySelector("#say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  try {
    await socket.request("say", { text: text.value });
    text.value = "";
  } catch (error) {
    document.querySelector("#error").textContent = error.message;
  }
});
