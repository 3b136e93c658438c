"""A site that reads from a replica, which nobody may write to: as in Django's "Multiple databases".

``python -m tests.delivery.replica_site FOLDER API_ENDPOINT`` prints what its sends did, as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from tests import settings as test_settings


class Router:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


def main(folder, api_endpoint):
    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    call_command("migrate", verbosity=0)
    everyone = WebSocketSession.objects
    gateway = ApiGateway.objects.create(
        api_name="x", target_base_endpoint="https://testserver/ws/", api_id="a1b2", api_endpoint=api_endpoint
    )
    for number in range(4):
        everyone.create(connection_id=f"{number}=", api_gateway=gateway)
    everyone.update(created_on=timezone.now() - timedelta(hours=1))
    done = {}
    try:
        with transaction.atomic():
            everyone.all().send_message({"n": "rolled back"}, on_commit=True)
            everyone.get(connection_id="1=").send_message({"n": "rolled back"}, on_commit=True)
            raise LookupError
    except LookupError:
        pass
    done["gone"] = list(everyone.all().send_message({"n": "sent"}).gone)
    done["disconnected"] = len(everyone.all().disconnect().sent)
    done["open"] = everyone.filter(connected=True).count()
    done["repeated"] = everyone.record(connection_id="0=", api_gateway=gateway).connected
    call_command("clearWebSocketSessions", verbosity=0)
    done["left"] = everyone.count()
    return done


if __name__ == "__main__":
    path = Path(sys.argv[1], "site.sqlite3")
    path.touch()
    engine = {"ENGINE": "django.db.backends.sqlite3"}
    settings.configure(
        **{
            **{name: value for name, value in vars(test_settings).items() if name.isupper()},
            "DATABASES": {
                "default": {**engine, "NAME": str(path)},
                "replica": {**engine, "NAME": f"file:{path}?mode=ro", "OPTIONS": {"uri": True}},
            },
            "DATABASE_ROUTERS": ["tests.delivery.replica_site.Router"],
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        }
    )
    django.setup()
    sys.stdout.write("\n" + json.dumps(main(*sys.argv[1:])))
