"""The user of a connection and the login behind it: handshakes, connect tokens, and what ends a login."""
