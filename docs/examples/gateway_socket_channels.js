socket.addEventListener("message", ({ message, channel, missed }) => {
  if (channel === "room-1") show(message, missed);
});
socket.addEventListener("gap", async ({ channel }) => {
  // Too much was missed. Read the state, and go on from the position that belongs to it.
  const { at } = await readState(channel);
  socket.join(channel, { at });
});
socket.addEventListener("left", ({ channel, status }) => {
  console.log(`${channel} cannot be joined: ${status}`);
});

const at = await socket.join("room-1");
