from __future__ import annotations

#: Slug -> name. The slug is the channel of a room's connections.
ROOMS = {"lobby": "Lobby", "kitchen": "Kitchen", "workshop": "Workshop"}

#: The channel of the page "Board", which uses htmx.
BOARD = "board"
