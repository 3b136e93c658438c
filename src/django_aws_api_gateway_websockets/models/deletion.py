"""How the deletion of a row affects its connections.

If the row of a connected session were deleted, its socket would stay open, with all of its messages refused. The
connection is therefore closed first, or the deletion is refused with an explanation.
"""

from __future__ import annotations

from typing import Any, Mapping

from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, OuterRef, QuerySet, RestrictedError
from django.db.models.deletion import CASCADE, Collector, get_candidate_relations_to_delete
from django.db.models.signals import post_delete, pre_delete
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .batches import batches
from .cascades import shows_only
from .closing import close_connections
from .rows import ClosedReason, SessionRows, memberships_of

# The admin's pages list every row that a cascade would delete. Above this number, they show a count instead.
LISTED = 100
# Old versions of SQLite accept at most 999 parameters. The condition for the rows needs a few of them.
_KEYS_PER_DELETE = 980


class _ConnectedRows(SessionRows[Any]):
    """Rows that a cascade is about to delete. ``Collector`` runs ``_raw_delete`` inside its transaction."""

    def _raw_delete(self, using: str | None) -> int:
        close_connections(self, ClosedReason.USER_DELETED)
        return 0

    def written(self) -> SessionRows[Any]:
        return SessionRows(self.model, using=self.write_db)


class _ClosedRows(SessionRows[Any]):
    """The same rows after ``_ConnectedRows`` has closed them."""

    def _raw_delete(self, using: str | None) -> int:
        return delete_closed(SessionRows(self.model, self.query.chain(), using))


def disconnect_and_cascade(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """Delete the rows of a user, and close their connections first. For ``ForeignKey(on_delete=…)``."""
    if shows_only(collector):
        _show(collector, field, rows, using)
        return
    # Add these before the rows themselves, because the collector deletes in this order, and only if nothing forbids
    # the deletion.
    collector.fast_deletes.append(_ConnectedRows(rows.model, rows.query.chain(), using))
    if _is_free(rows.model):
        collector.fast_deletes.append(_ClosedRows(rows.model, rows.query.chain(), using))
    else:
        CASCADE(collector, field, rows, using)


def refuse_or_cascade(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """Delete the rows of a gateway, but raise ``RestrictedError`` while one is connected. For ``ForeignKey``.

    Without the gateway's row, the URL for closing its connections is unknown.
    """
    if shows_only(collector):
        _show(collector, field, rows, using)
        return
    connected: SessionRows[Any] = SessionRows(rows.model, rows.query.chain(), using).filter(connected=True)
    count = connected.count()
    if count:
        first = connected.select_related(field.name).only(f"{field.name}__api_name").order_by("pk")[:1]
        raise RestrictedError(why_gateway_stays(getattr(first[0], field.name), count), set(first))
    CASCADE(collector, field, rows, using)


def delete_closed(rows: SessionRows[Any]) -> int:
    """Delete closed rows with their memberships. Return the number of rows."""
    if not _is_free(rows.model):
        return QuerySet.delete(rows.order_by())[1].get(rows.model._meta.label, 0)
    return _delete_by_keys(rows, list(rows.values_list("pk", flat=True)))


def _delete_by_keys(rows: SessionRows[Any], found: list[Any]) -> int:
    deleted = 0
    # With a subquery instead of keys, MariaDB would read every membership.
    for keys in batches(found, _KEYS_PER_DELETE):
        memberships_of(rows.model, rows.db).filter(session__in=keys)._raw_delete(rows.db)
        deleted += rows.order_by().filter(pk__in=keys)._raw_delete(rows.db)
    return deleted


def delete_closed_among(rows: SessionRows[Any], keys: Mapping[str, Any]) -> int:
    """Delete the closed ``rows`` among ``keys``, with their memberships. Return how many.

    ``keys`` has lookups of the primary key, such as ``{"gte": 1, "lte": 9}``. ``rows`` must not depend on memberships.
    """
    rows = rows.filter(**{f"pk__{lookup}": value for lookup, value in keys.items()})
    if not _is_free(rows.model):
        return delete_closed(not_locked(rows))
    if connections[rows.db].features.can_defer_constraint_checks:
        try:
            with transaction.atomic(using=rows.db):
                return _delete_before_memberships(rows, keys)
        except IntegrityError:
            # The caller wrote SET CONSTRAINTS ALL IMMEDIATE, or the foreign key was made NOT DEFERRABLE.
            pass
    # A row that is opened again meanwhile must not lose its memberships, so the rows are locked first.
    return _delete_by_keys(rows, _lock(rows))


def _delete_before_memberships(rows: SessionRows[Any], keys: Mapping[str, Any]) -> int:
    # Foreign keys are checked on commit, so the rows can go first, and no key travels to Python and back.
    deleted = rows.order_by()._raw_delete(rows.db)
    # No manager of a proxy model may hide rows here. The memberships of hidden rows would be deleted.
    left: SessionRows[Any] = SessionRows(rows.model, using=rows.db).filter(pk=OuterRef("session"))
    memberships = memberships_of(rows.model, rows.db)
    for lookup, value in keys.items():
        left = left.filter(**{f"pk__{lookup}": value})
        memberships = memberships.filter(**{f"session__{lookup}": value})
    memberships.filter(~Exists(left))._raw_delete(rows.db)
    return deleted


def not_locked(rows: SessionRows[Any]) -> SessionRows[Any]:
    """Lock the rows that nobody else is writing, and return these. The others are left to the next run.

    Others close rows in any order, so a statement that waited for them could end in a deadlock.
    """
    if not _skips_locked(rows):
        return rows  # SQLite has one writer
    return rows.filter(pk__in=_lock(rows))


def _lock(rows: SessionRows[Any]) -> list[Any]:
    """Lock the rows that nobody else is writing. Return their primary keys."""
    locked = rows.select_for_update(skip_locked=True) if _skips_locked(rows) else rows
    return list(locked.values_list("pk", flat=True))


def _skips_locked(rows: SessionRows[Any]) -> bool:
    return bool(connections[rows.db].features.has_select_for_update_skip_locked)


def _is_free(model: Any) -> bool:
    """Return whether only memberships depend on session rows, and nothing depends on memberships.

    If so, rows are deleted without being read. ``Collector`` would read all of them, and delete 100 per statement.
    """
    membership = model._meta.get_field("memberships").related_model
    listens = any(signal.has_listeners(one) for signal in (pre_delete, post_delete) for one in (model, membership))
    related = [one.name for one in (model, membership) for one in get_candidate_relations_to_delete(one._meta)]
    return not listens and related == ["memberships"]


def why_gateway_stays(gateway: Any, connected: int) -> str:
    """Return the message that ``gateway`` cannot be deleted while it has connections, with the solution."""
    text = ngettext(
        "The gateway %(name)s has %(count)s open connection, so its row cannot be deleted.",
        "The gateway %(name)s has %(count)s open connections, so its row cannot be deleted.",
        connected,
    ) % {"name": repr(str(gateway)), "count": connected}
    remedy = _("Delete the API first (deleteApiGateway --pk=%(pk)s), or close them with gateway.sessions.disconnect().")
    return f"{text} {remedy % {'pk': gateway.pk}}"


# A query for a hundred thousand rows is cheap here, and the page shows one line for them.
disconnect_and_cascade.lazy_sub_objs = refuse_or_cascade.lazy_sub_objs = True  # type: ignore[attr-defined]


class _Counted(set):  # type: ignore[type-arg]
    """A set of rows whose length includes ``more`` rows that it does not contain."""

    more = 0

    def __len__(self) -> int:
        return super().__len__() + self.more


def _show(collector: Any, field: Any, rows: Any, using: str) -> None:
    """List the rows on the page. Above ``LISTED`` rows, count them and show one line instead."""
    shown: Any = list(rows[: LISTED + 1])
    if len(shown) <= LISTED:
        if shown:
            CASCADE(collector, field, shown, using)
        return
    counts: SessionRows[Any] = SessionRows(rows.model, rows.query.chain(), using).order_by().select_related(None)
    total, connected = counts.count(), counts.filter(connected=True).count()
    text = _("%(total)s rows, %(connected)s of them connected") % {"total": f"{total:,}", "connected": f"{connected:,}"}
    # No URL matches an empty key, so the page shows the text without a link.
    stand_in = rows.model(pk="", connection_id=text)
    collector.add_edge(None, stand_in)
    found = _Counted([*collector.model_objs[rows.model], stand_in])
    found.more = total - 1
    collector.model_objs[rows.model] = found
