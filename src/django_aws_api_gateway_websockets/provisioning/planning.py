"""The difference between what is wanted and what is there, as steps in the order in which they are carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from ..definition import SECRET_PARAMETER
from . import resources as r
from .reading import Actual
from .resources import Resource

CREATE, UPDATE, DELETE = "create", "update", "delete"
_SECRET = f"RequestParameters.{SECRET_PARAMETER}"


@dataclass(frozen=True)
class Change:
    """A property that differs; None: it is not there."""

    name: str
    old: Any
    new: Any

    def shown(self) -> dict[str, Any]:
        """The change as it may be shown to anyone: the secret is masked."""
        if self.name != _SECRET:
            return {"name": self.name, "old": self.old, "new": self.new}
        old = None if self.old is None else "(another secret)"
        return {"name": self.name, "old": old, "new": None if self.new is None else "(the gateway's secret)"}

    def text(self, is_new: bool = False) -> str:
        """The change for people; of what is created there is nothing old to show."""
        shown = self.shown()
        before = "" if is_new else f"{value_text(shown['old'])} -> "
        return f"{shown['name']}: {before}{value_text(shown['new'])}"

    def __repr__(self) -> str:
        return f"<Change {self.text()}>"


@dataclass(frozen=True, repr=False)
class Step:
    """One thing to do. ``wanted`` is what the resource shall be, ``actual`` what it is; one of them may be None."""

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
        return f"{self.action} {self.resource.kind} {self.resource.key}"

    def __repr__(self) -> str:
        return f"<Step {self}>"

    def shown(self) -> dict[str, Any]:
        changes = [change.shown() for change in self.changes]
        return {"action": self.action, "kind": self.resource.kind, "name": self.resource.key, "changes": changes}


@dataclass(frozen=True)
class Plan:
    """What is to be done; empty when AWS has what is wanted."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __str__(self) -> str:
        return "\n".join(self.lines()) or "nothing to do"

    def lines(self) -> list[str]:
        """The plan for people: a line a step, and one indented for each of its changes."""
        signs = {CREATE: "+", UPDATE: "~", DELETE: "-"}
        found = []
        for step in self.steps:
            found.append(f"{signs[step.action]} {step}")
            found += [f"    {change.text(is_new=step.action == CREATE)}" for change in step.changes]
        return found

    def shown(self) -> list[dict[str, Any]]:
        """The plan as JSON; the secret is masked."""
        return [step.shown() for step in self.steps]


def plan(wanted: Sequence[Resource], actual: Actual) -> Plan:
    """The steps that make ``actual`` what is ``wanted``: create and change in order, then remove what is too much.

    All that with routes first: a deployment is a copy of them, so what is to go has to be gone by then.
    """
    known = {one.name: one for one in actual.resources.values()}
    steps = [step for one in wanted for step in _step(one, _counterpart(one, known, actual))]
    steps += _removals(wanted, actual, steps)
    return Plan(tuple(sorted(steps, key=lambda step: step.resource.kind not in r.UNTIL_DEPLOYMENT)))


def plan_removal(actual: Actual) -> Plan:
    """The steps that leave nothing of ``actual``: what points at the API first, the API with all it holds last."""
    found = [*actual.resources.values(), *actual.left_over, *actual.mapped_elsewhere]
    if actual.domain_shared:
        # The name, and the record that leads to it, serve other APIs too.
        found = [one for one in found if one in actual.left_over or one.kind not in (r.RECORD, r.DOMAIN)]
    kinds = (r.RECORD, r.MAPPING, r.DOMAIN, r.API)
    return Plan(tuple(Step(DELETE, None, one) for kind in kinds for one in found if one.kind == kind))


def _counterpart(one: Resource, known: Mapping[tuple[str, str], Resource], actual: Actual) -> Resource | None:
    if one.kind in (r.API, r.API_TAGS):
        # There is one of each, whatever it is called there.
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
    if there is None:
        # What is empty or off is nothing that a creation has to say.
        return tuple(Change(name, None, value) for name, value in one.properties.items() if value)
    old = there.properties
    names = [*one.properties, *(name for name in old if name not in one.properties)]
    pairs = ((name, old.get(name), one.properties.get(name)) for name in names)
    return tuple(Change(name, before, after) for name, before, after in pairs if before != after)


def _removals(wanted: Sequence[Resource], actual: Actual, steps: Sequence[Step]) -> list[Step]:
    names = {one.name for one in wanted}
    extra = [one for one in actual.resources.values() if one.name not in names]
    # A stage that a domain is mapped to cannot be deleted.
    kinds = (r.RECORD, r.MAPPING, r.DOMAIN, r.STAGE)
    removed = [one for kind in kinds for one in actual.left_over if one.kind == kind]
    for kind in (r.ROUTE_SETTINGS, r.ROUTE_RESPONSE, r.ROUTE, r.INTEGRATION):
        removed += [one for one in (*extra, *actual.left_over) if one.kind == kind]
    # The stage is about to move on from its deployment, so that one is free.
    moved = {change.old for step in steps if step.resource.kind == r.STAGE for change in step.changes}
    removed += [one for one in extra if one.kind == r.DEPLOYMENT and (one.key in moved or not one.properties["in use"])]
    return [Step(DELETE, None, one) for one in removed]


def value_text(value: Any) -> str:
    """A value as people read it."""
    if value in (None, "", {}, []):
        return "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return str(value)
