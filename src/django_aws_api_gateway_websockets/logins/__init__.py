"""Who speaks on a connection, and for how long: logins, connect tokens, and what ends them."""
