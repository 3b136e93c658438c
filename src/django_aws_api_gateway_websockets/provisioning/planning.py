"""The difference between the wanted and the actual state, as steps in their order of execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ..definition import SECRET_PARAMETER, is_reference
from ..security.escaping import one_line
from . import resources as r
from .actual import Actual
from .resources import Resource

CREATE, UPDATE, DELETE = "create", "update", "delete"
_PARAMETER, _TEMPLATE = "RequestParameters.", "RequestTemplates."
_SECRET = _PARAMETER + SECRET_PARAMETER


@dataclass(frozen=True)
class Change:
    """A property that differs. None means that it does not exist.

    ``by_hand``: AWS has a property that this package does not know, so no update can remove it.
    """

    name: str
    old: Any
    new: Any
    by_hand: bool = False

    def shown(self) -> dict[str, Any]:
        """Return the change in a form that anyone may see.

        Static values of headers are masked, because they may be secrets.
        """
        return {
            "name": self.name,
            "old": _masked(self.name, self.old, "(another secret)"),
            "new": _masked(self.name, self.new, "(the gateway's secret)"),
        }

    def text(self, is_new: bool = False) -> str:
        """Return the change as a readable line. ``is_new`` leaves out the old value."""
        shown = self.shown()
        before = "" if is_new else f"{value_text(shown['old'])} -> "
        note = " (unknown here: change it in AWS)" if self.by_hand else ""
        return f"{one_line(self.name)}: {before}{value_text(shown['new'])}{note}"

    def __repr__(self) -> str:
        return f"<Change {self.text()}>"


def _masked(name: str, value: Any, secret: str) -> Any:
    if value is None:
        return None
    if name == _SECRET:
        return secret
    is_static = name.startswith(_PARAMETER) and isinstance(value, str) and not is_reference(value)
    return "(hidden)" if is_static or name.startswith(_TEMPLATE) else value


@dataclass(frozen=True, repr=False)
class Step:
    """One or a few calls that create, change or delete one resource.

    ``wanted`` is the resource as the row asks for it, ``actual`` is the resource in AWS. One of them may be None.
    """

    action: str
    wanted: Resource | None
    actual: Resource | None
    changes: tuple[Change, ...] = ()

    @property
    def resource(self) -> Resource:
        found = self.wanted or self.actual
        assert found is not None  # noqa: S101  one of the two is always there
        return found

    def __str__(self) -> str:
        return f"{self.action} {self.resource.kind} {one_line(self.resource.key)}"

    def __repr__(self) -> str:
        return f"<Step {self}>"

    @property
    def by_hand(self) -> list[Change]:
        """The changes that no update can make."""
        return [change for change in self.changes if change.by_hand]

    def shown(self) -> dict[str, Any]:
        """Return the step as JSON; secrets are masked."""
        changes = [change.shown() for change in self.changes]
        return {"action": self.action, "kind": self.resource.kind, "name": self.resource.key, "changes": changes}


@dataclass(frozen=True)
class Plan:
    """The steps that make AWS match a row; empty if nothing differs."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __str__(self) -> str:
        return "\n".join(self.lines()) or "nothing to do"

    def lines(self) -> list[str]:
        """Return the plan as text: one line per step, and an indented line per change."""
        signs = {CREATE: "+", UPDATE: "~", DELETE: "-"}
        found = []
        for step in self.steps:
            found.append(f"{signs[step.action]} {step}")
            found += [f"    {change.text(is_new=step.action == CREATE)}" for change in step.changes]
        return found

    def shown(self) -> list[dict[str, Any]]:
        """Return the plan as JSON; secrets are masked."""
        return [step.shown() for step in self.steps]


def plan(wanted: Sequence[Resource], actual: Actual) -> Plan:
    """Return the steps that turn ``actual`` into ``wanted``: create and change in order, then delete.

    All steps for routes come first. A deployment is a copy of the routes, so a route must be deleted before it.
    """
    if actual.domain_foreign:
        # The domain and its record belong to somebody else. Only the mapping is this gateway's.
        wanted = [one for one in wanted if one.kind not in (r.DOMAIN, r.DOMAIN_TAGS, r.RECORD)]
    known = {one.name: one for one in actual.resources.values()}
    steps = [step for one in wanted for step in _step(one, _counterpart(one, known, actual))]
    steps += _removals(wanted, actual, steps)
    return Plan(tuple(sorted(steps, key=lambda step: step.resource.kind not in r.UNTIL_DEPLOYMENT)))


def plan_removal(actual: Actual) -> Plan:
    """Return the steps that delete ``actual``: first everything that refers to the API, then the API itself."""
    found = [*actual.resources.values(), *actual.left_over, *actual.mapped_elsewhere]
    if actual.domain_shared:
        # The name, and the record that points to it, serve other APIs too.
        found = [one for one in found if one in actual.left_over or one.kind not in (r.RECORD, r.DOMAIN)]
    kinds = (r.RECORD, r.MAPPING, r.DOMAIN, r.API)
    return Plan(tuple(Step(DELETE, None, one) for kind in kinds for one in found if one.kind == kind))


def _counterpart(one: Resource, known: Mapping[tuple[str, str], Resource], actual: Actual) -> Resource | None:
    if one.kind in (r.API, r.API_TAGS):
        # Each of these kinds has only one resource, regardless of its key.
        return next(iter(actual.of_kind(one.kind)), None)
    return known.get(one.name)


def _step(one: Resource, there: Resource | None) -> list[Step]:
    changes = _changes(one, there)
    if there is None:
        return [] if one.kind in r.TAGS else [Step(CREATE, one, None, changes)]
    return [Step(UPDATE, one, there, changes)] if changes else []


def _changes(one: Resource, there: Resource | None) -> tuple[Change, ...]:
    if one.kind == r.DEPLOYMENT:
        return ()
    table = r.TABLES.get(one.kind)
    if there is None:
        # Defaults and empty or disabled values are not listed.
        said = {name: value for name, value in one.properties.items() if value}
        return tuple(Change(name, None, new) for name, new in said.items() if not table or new != table.default(name))
    old = there.properties
    names = [*one.properties, *(name for name in old if name not in one.properties)]
    pairs = ((name, old.get(name), one.properties.get(name)) for name in names)
    differing = ((name, before, after) for name, before, after in pairs if before != after)
    return tuple(Change(name, before, after, _is_by_hand(one, name)) for name, before, after in differing)


def _is_by_hand(one: Resource, name: str) -> bool:
    """Return whether AWS has a property that neither an update nor creating the resource again can remove."""
    table = r.TABLES.get(one.kind)
    known = name in one.properties or table is None or table.may_write(name) or one.kind in r.REPLACEABLE
    return not known


def _removals(wanted: Sequence[Resource], actual: Actual, steps: Sequence[Step]) -> list[Step]:
    names = {one.name for one in wanted}
    extra = [one for one in actual.resources.values() if one.name not in names]
    # A stage with a mapped domain cannot be deleted, so delete mappings first.
    kinds = (r.RECORD, r.MAPPING, r.DOMAIN, r.STAGE)
    removed = [one for kind in kinds for one in actual.left_over if one.kind == kind]
    for kind in (r.ROUTE_SETTINGS, r.ROUTE_RESPONSE, r.ROUTE, r.INTEGRATION):
        removed += [one for one in (*extra, *actual.left_over) if one.kind == kind]
    # Point the stage at another deployment, so that the old one can be deleted.
    moved = {change.old for step in steps if step.resource.kind == r.STAGE for change in step.changes}
    removed += [one for one in extra if one.kind == r.DEPLOYMENT and (one.key in moved or not one.properties["in use"])]
    return [Step(DELETE, None, one) for one in removed]


def value_text(value: Any) -> str:
    """Return ``value`` in a readable form, in one line."""
    if value in (None, "", {}, []):
        return "(none)"
    if isinstance(value, dict):
        return one_line(", ".join(f"{name}={one}" for name, one in value.items()))
    return one_line(str(value))
