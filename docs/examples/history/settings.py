WEBSOCKETS = {"HISTORY": {"room-*": {"size": 1000, "seconds": 300}}}
