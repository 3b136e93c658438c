import ReconnectingWebSocket from "reconnecting-websocket";

const socket = new ReconnectingWebSocket("wss://ws.example.com?channel=my+example+channel");
socket.onopen = () => socket.send(JSON.stringify({action: "hello"}));
socket.onmessage = (event) => console.log(JSON.parse(event.data));
