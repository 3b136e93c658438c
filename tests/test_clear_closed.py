"""The clean-up of any queryset: filters, proxy models, models of the site, and keys that are checked at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession

pytestmark = pytest.mark.django_db(transaction=True)

everyone = WebSocketSession.objects


class StagingManager(models.Manager.from_queryset(type(everyone.all()))):
    def get_queryset(self):
        return super().get_queryset().filter(stage_name="staging")


@pytest.fixture
def staging_session():
    """A proxy model of the site that shows some of the rows."""

    class StagingSession(WebSocketSession):
        objects = StagingManager()

        class Meta:
            proxy = True
            app_label = "websockets_tests"

    yield StagingSession
    forget("websockets_tests", "stagingsession")


def forget(app_label, model):
    apps.all_models[app_label].pop(model)
    apps.clear_cache()


def make_old(rows):
    then = timezone.now() - timedelta(minutes=30)
    rows.update(created_on=then, updated_on=then)


@pytest.fixture
def rows(gateway):
    """Six rows in two channels each. Each second one is closed."""
    made = []
    for number in range(6):
        made.append(everyone.create(connection_id=f"{number}=", api_gateway=gateway, stage_name="production"))
        made[-1].join_all(["room", "lobby"])
        if number % 2:
            made[-1].mark_disconnected("client")
    make_old(everyone.all())
    return made


def assert_open_rows_are_left():
    assert list(everyone.order_by("pk").values_list("connection_id", flat=True)) == ["0=", "2=", "4="]
    kept = ChannelMembership.objects.filter(session__connected=True, connected=True)
    assert (kept.count(), ChannelMembership.objects.count()) == (6, 6)


@pytest.mark.parametrize(
    "choose",
    [
        lambda: everyone.reverse(),
        lambda: everyone.filter(memberships__channel_name="room"),
        lambda: everyone.filter(memberships__channel_name="room").distinct(),
        lambda: everyone.filter(memberships__channel_name__in=["room", "lobby"]),
        lambda: everyone.filter(pk__in=ChannelMembership.objects.values("session")),
        lambda: everyone.exclude(memberships__channel_name="kitchen"),
        lambda: everyone.annotate(count=models.Count("memberships")).filter(count=2),
        lambda: everyone.filter(models.Q(user__username="alice") | models.Q(user=None)),
    ],
    ids=["reverse", "join", "distinct", "repeated", "subquery", "exclude", "annotation", "outer join"],
)
def test_any_queryset_deletes_its_closed_rows(rows, choose):
    done = choose().clear_closed()
    assert (done.deleted, done.seen) == (3, 6)
    assert_open_rows_are_left()


def test_a_filter_keeps_the_rows_that_it_leaves_out(rows):
    rows[1].leave("lobby")
    ChannelMembership.objects.filter(session=rows[1], channel_name="lobby").delete()
    assert everyone.filter(memberships__channel_name="lobby").clear_closed().deleted == 2
    assert everyone.filter(pk=rows[1].pk, memberships__channel_name="room").exists()


def test_a_proxy_model_keeps_memberships_of_hidden_rows(rows, staging_session):
    everyone.filter(pk__in=[rows[1].pk, rows[5].pk]).update(stage_name="staging")
    assert staging_session.objects.clear_closed().deleted == 2
    assert everyone.count() == 4
    assert ChannelMembership.objects.count() == 8


@pytest.fixture
def note(db):
    """A model of the site with a foreign key to memberships."""

    class Note(models.Model):
        membership = models.ForeignKey(ChannelMembership, on_delete=models.CASCADE)

        class Meta:
            app_label = "auth"  # Django cascades to the models of installed apps only.

        def __str__(self):
            return str(self.membership)

    with connection.schema_editor() as editor:
        editor.create_model(Note)
    yield Note
    with connection.schema_editor() as editor:
        editor.delete_model(Note)
    forget("auth", "note")


def test_the_clean_up_cascades_from_memberships(rows, note):
    for membership in ChannelMembership.objects.all():
        note.objects.create(membership=membership)
    assert everyone.clear_closed().deleted == 3
    assert_open_rows_are_left()
    assert note.objects.count() == 6


only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="needs PostgreSQL: a transaction decides when it checks foreign keys"
)


@only_postgresql
def test_the_clean_up_works_with_immediate_constraints(rows):
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert everyone.clear_closed().deleted == 3
    assert_open_rows_are_left()


@only_postgresql
def test_the_clean_up_works_with_keys_that_cannot_wait(rows):
    table = ChannelMembership._meta.db_table
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
        keys = [name for name, one in found.items() if one["foreign_key"]]
        try:
            for key in keys:
                cursor.execute(f'ALTER TABLE {table} ALTER CONSTRAINT "{key}" NOT DEFERRABLE')
            assert everyone.clear_closed().deleted == 3
        finally:
            for key in keys:
                cursor.execute(f'ALTER TABLE {table} ALTER CONSTRAINT "{key}" DEFERRABLE INITIALLY DEFERRED')
    assert_open_rows_are_left()
