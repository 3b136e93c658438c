WEBSOCKETS = {
    "CONNECTS_PER_USER": "60/60s",
    "HISTORY": {
        "room-*": {"size": 1000, "seconds": 300},
        "news": {"size": 100},
    },
}
