from __future__ import annotations

from django.contrib.sessions.backends import signed_cookies


class SessionStore(signed_cookies.SessionStore):
    pass
