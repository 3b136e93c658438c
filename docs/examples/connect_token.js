async function connect(url, csrfToken) {
  const answer = await fetch("/ws-token/", { method: "POST", headers: { "X-CSRFToken": csrfToken } });
  const { token } = await answer.json();
  return new WebSocket(`${url}?ws_token=${encodeURIComponent(token)}`);
}
