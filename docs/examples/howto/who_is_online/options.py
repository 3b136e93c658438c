WEBSOCKETS = {
    "PRESENCE_CHANNELS": ["room-*"],
    "PRESENCE_USER": "docs.examples.howto.who_is_online.shown.shown",
}
