const url = "wss://ws.example.com?channel=my+example+channel";
let socket;
let attempts = 0;

function connect() {
  socket = new WebSocket(url);
  socket.onopen = () => {
    attempts = 0;
    socket.send(JSON.stringify({action: "hello"}));
  };
  socket.onmessage = (event) => console.log(JSON.parse(event.data));
  socket.onclose = () => {
    const wait = Math.min(30, 2 ** attempts++) * (0.5 + Math.random() / 2);
    setTimeout(connect, wait * 1000);
  };
}

// Nine minutes would be enough, but five tolerate a lost message.
setInterval(() => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({action: "ping"}));
}, 5 * 60 * 1000);

// Otherwise, a page in the back/forward cache would keep its socket.
addEventListener("pagehide", () => socket.close());

connect();
