from __future__ import annotations

from django.contrib.sessions.backends import cache


class SessionStore(cache.SessionStore):
    pass
