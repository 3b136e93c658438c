from __future__ import annotations

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    pass
