"""The user and the login of a connection: handshakes, connect tokens, and what ends a login."""
