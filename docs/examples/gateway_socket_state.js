function show({ state, nextAttempt, reason }) {
  const line = document.querySelector("#state");
  if (state === "open") line.textContent = "Connected";
  if (state === "connecting") line.textContent = "Connecting …";
  if (state === "waiting") {
    const seconds = nextAttempt ? Math.ceil((nextAttempt - Date.now()) / 1000) : 0;
    line.textContent = `Not connected. Next attempt in ${seconds} s`;
  }
  if (state === "refused") line.textContent = `Not allowed: ${reason.message}`;
  if (state === "closed") line.textContent = reason.message === "logout" ? "You have logged out." : "Disconnected";
}

socket.addEventListener("state", () => show(socket));
setInterval(() => show(socket), 1000);
document.querySelector("#retry").addEventListener("click", () => socket.reconnect());
