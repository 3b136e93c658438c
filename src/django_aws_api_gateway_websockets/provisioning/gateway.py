"""A gateway row and its API in AWS: compare the two, update AWS, and remove the API."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from django.utils import timezone

from ..exceptions import AwsError, AwsUnreachable, CredentialsError, GatewayNotCreated, WebSocketsError
from ..properties import WITHOUT_ANYTHING, WITHOUT_API, WITHOUT_DOMAIN
from . import resources as r
from .actual import Actual, MappedDomain, Owner
from .applying import Applier, Progress, api_parameters
from .checking import check_ownership, check_row
from .control import ControlPlane
from .endpoints import control_endpoint
from .locking import locked
from .planning import Plan, Step, plan, plan_removal
from .reading import find_api, read, sends_secret

if TYPE_CHECKING:
    from ..definition import ApiDefinition, DomainDefinition
    from ..models import ApiGateway
    from ..models.gateways import Status

logger = logging.getLogger(__name__)


def silent(step: Step) -> None:
    """Report no progress."""


def plan_gateway(gateway: ApiGateway, with_domain: bool = False, adopt: bool = False) -> Plan:
    """Return what ``update_gateway`` would do. Nothing changes in AWS; the row records what was found."""
    control = ControlPlane(control_endpoint(gateway))
    check_row(gateway, control, with_domain)
    with _recording_failure(gateway):
        api_id = find_api(control, gateway.api_id, str(gateway.reference))
        definition = gateway.definition(with_domain)
        actual = _read(control, gateway, definition.domain, api_id, adopt)
        check_ownership(actual, definition)
        found = plan(r.wanted(definition, api_id), actual)
    status = _status(gateway, definition, found) if api_id else gateway.Status.NOT_CREATED
    _record_look(gateway, status, last_error="", sends_secret=sends_secret(actual))
    return found


def update_gateway(
    gateway: ApiGateway, with_domain: bool = False, adopt: bool = False, progress: Progress = silent
) -> Plan:
    """Change AWS to match the row, and return what was done.

    ``with_domain`` creates the custom domain too. ``adopt`` takes over one that exists. ``progress`` is called with
    each step. A run continues where an earlier one failed. Raises ``InvalidGateway`` before the first change,
    ``GatewayBusy`` if another process is changing the same gateway, and ``AwsError`` if AWS refuses.
    """
    control = ControlPlane(control_endpoint(gateway))
    check_row(gateway, control, with_domain)
    with locked(gateway) as renew, _recording_failure(gateway):
        watched = _watched(gateway, renew, progress)
        # Clear the error before the run, because a route that is saved during the run may leave its own error.
        _record(gateway, {"last_error": ""})
        created = _ensure_api(control, gateway, watched)
        definition = gateway.definition(with_domain)
        actual = _read(control, gateway, definition.domain, str(gateway.api_id), adopt)
        check_ownership(actual, definition)
        _record(gateway, _facts(actual, definition))
        if not gateway.mapped_domain_name:
            # Record the domain before it is created, so that the next run knows it if this run dies.
            _record(gateway, _domain_facts(definition))
        steps = plan(r.wanted(definition, actual.api_id), actual)
        _applier(control, gateway, definition.tags, actual, watched).apply(steps)
        _record_applied(gateway, definition, steps)
    return Plan((*created, *steps))


def rotate_secret(gateway: ApiGateway, progress: Progress = silent) -> Plan:
    """Write the secret under the current ``SECRET_KEY`` into every integration and deploy. Return what was done.

    Until the new deployment is in service, AWS sends the old secret. The view accepts it as long as the old key is in
    ``SECRET_KEY_FALLBACKS``. The secret is derived from the key, so rotating it is an update.
    """
    check_created(gateway)
    return update_gateway(gateway, progress=progress)


def check_created(gateway: ApiGateway) -> None:
    """Raise ``GatewayNotCreated`` if the gateway has no API yet."""
    if not gateway.api_created:
        raise GatewayNotCreated(
            f"The gateway {gateway.api_name!r} is not in AWS yet. Run createApiGateway --pk={gateway.pk}."
        )


def plan_removal_of(gateway: ApiGateway) -> Plan:
    """Return what ``remove_gateway`` would delete."""
    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    with _recording_failure(gateway):
        return plan_removal(_actual(control, gateway))


def remove_gateway(gateway: ApiGateway, progress: Progress = silent) -> Plan:
    """Delete the API, its mapping, and its domain name if only this gateway uses it. The row stays."""
    from ..models import ClosedReason

    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    with locked(gateway) as renew, _recording_failure(gateway):
        actual = _actual(control, gateway)
        steps = plan_removal(actual)
        # Removal needs no definition, so you can also remove a row whose values have become invalid.
        _applier(control, gateway, {}, actual, _watched(gateway, renew, progress)).apply(steps)
        gateway.additional_routes.update(deployed=False)
        _record(gateway, WITHOUT_ANYTHING)
        # The sockets ended with the API, and no $disconnect reports them.
        gateway.sessions.mark_disconnected(ClosedReason.CLIENT)
        _record_look(gateway, gateway.Status.NOT_CREATED, last_error="")
    return steps


def deploy_routes(pk: int) -> None:
    """Update AWS after additional routes were saved or deleted, once per commit.

    This does not raise errors, because the routes are already saved. ``last_error`` and ``deployed`` show a failure.
    """
    from ..models import ApiGateway

    gateway = ApiGateway.objects.filter(pk=pk, api_created=True, status=ApiGateway.Status.DIFFERS).first()
    if gateway is None:
        return
    try:
        update_gateway(gateway)
    except WebSocketsError as error:
        ApiGateway.objects.filter(pk=pk).update(last_error=str(error), status=ApiGateway.Status.DIFFERS)
        logger.error("The routes of the gateway %r are saved, but not deployed: %s", gateway.api_name, error)


def _watched(gateway: ApiGateway, renew: Callable[[], None], progress: Progress) -> Progress:
    """Before each step, renew the lock, record that the row differs until the run has ended, and call ``progress``."""

    def watched(step: Step) -> None:
        renew()
        if gateway.status != gateway.Status.DIFFERS:
            _record_look(gateway, gateway.Status.DIFFERS)
        progress(step)

    return watched


def _actual(control: ControlPlane, gateway: ApiGateway) -> Actual:
    api_id = find_api(control, gateway.api_id, str(gateway.reference))
    return _read(control, gateway, gateway.domain_definition(), api_id)


def _read(
    control: ControlPlane, gateway: ApiGateway, domain: DomainDefinition | None, api_id: str, adopt: bool = False
) -> Actual:
    def is_sibling(reference: str) -> bool:
        return _is_uuid(reference) and type(gateway).objects.filter(reference=reference).exists()

    mapped = MappedDomain(gateway.mapped_domain_name, gateway.mapped_hosted_zone_id, gateway.api_gateway_domain_name)
    return read(control, api_id, gateway.stage, domain, mapped, Owner(str(gateway.reference), is_sibling, adopt))


def _is_uuid(text: str) -> bool:
    """Return whether ``text`` can be the reference of a gateway."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _record_applied(gateway: ApiGateway, definition: ApiDefinition, done: Plan) -> None:
    """Record in the row that AWS matches ``definition``."""
    for route in definition.routes:
        # Mark only the routes that were sent. A route that was saved meanwhile is not deployed.
        sent = gateway.additional_routes.filter(route_key=route.route_key, integration_url=route.integration_uri)
        sent.update(deployed=True)
    _record(gateway, {"api_created": True, **_served(definition), **_domain_facts(definition)})
    left = Plan(tuple(step for step in done if step.by_hand))
    status = _status(gateway, definition, left)
    facts: dict[str, Any] = {"sends_secret": True}
    if left:
        names = ", ".join(f"{change.name} of the {step.resource.kind}" for step in left for change in step.by_hand)
        facts["last_error"] = f"AWS has settings that this package does not know. Change them in AWS: {names}."
    elif status != gateway.Status.DIFFERS:
        facts["last_error"] = ""
    _record_look(gateway, status, **facts)


def _served(definition: ApiDefinition) -> dict[str, Any]:
    return {
        "served_stage_name": definition.stage.name,
        "execute_api_closed": definition.properties["DisableExecuteApiEndpoint"],
    }


def _domain_facts(definition: ApiDefinition) -> dict[str, Any]:
    """Return the facts about the domain for the row, after everything was applied."""
    if definition.domain is not None:
        return {
            "mapped_domain_name": definition.domain.name,
            "mapped_hosted_zone_id": definition.domain.hosted_zone_id,
            "mapped_key": definition.domain.mapping_key,
        }
    return dict(WITHOUT_DOMAIN)


def _ensure_api(control: ControlPlane, gateway: ApiGateway, progress: Progress) -> list[Step]:
    """Create the API if AWS does not have it, and record its id. Return the steps that this took."""
    api_id = find_api(control, gateway.api_id, str(gateway.reference))
    steps: list[Step] = []
    if api_id:
        api = control.call("GetApi", ApiId=api_id)
    else:
        definition = gateway.definition()
        steps = list(plan([r.api(definition)], Actual()))
        progress(steps[0])
        parameters = api_parameters(steps[0].resource)
        try:
            api = control.call("CreateApi", Tags=dict(definition.tags), **parameters)
        except AwsError as error:
            if 400 <= (error.status or 0) < 500:
                # AWS refused. Without an answer, or after a 5xx, the API may exist.
                _record_look(gateway, gateway.Status.NOT_CREATED)
            raise
        _record(gateway, WITHOUT_API)
    _record(gateway, {"api_id": api["ApiId"], "api_endpoint": api["ApiEndpoint"]})
    return steps


def _applier(
    control: ControlPlane, gateway: ApiGateway, tags: Mapping[str, str], actual: Actual, progress: Progress
) -> Applier:
    return Applier(control, tags, actual, lambda facts: _record(gateway, facts), progress)


def _facts(actual: Actual, definition: ApiDefinition) -> dict[str, Any]:
    """Return the facts for the row from AWS's answers, including answers that an earlier run did not receive."""
    facts: dict[str, Any] = {"api_id": actual.api_id, "api_endpoint": actual.api_endpoint}
    if definition.domain is not None:
        mapping = actual.get(r.MAPPING, definition.domain.name)
        if actual.domain_target:
            facts["api_gateway_domain_name"] = actual.domain_target
        if mapping is not None:
            facts.update({"api_mapping_id": mapping.id, "custom_domain_created": True})
    return facts


def _record(gateway: ApiGateway, facts: Mapping[str, Any]) -> None:
    """Save ``facts`` now, and only these fields. The next call to AWS may fail."""
    for name, value in facts.items():
        setattr(gateway, name, value)
    type(gateway).objects.filter(pk=gateway.pk).update(updated_on=timezone.now(), **facts)


def _status(gateway: ApiGateway, definition: ApiDefinition, found: Plan = Plan()) -> Status:  # noqa: B008  immutable
    """Return the status after a comparison: in step if nothing differs and the row has not changed since."""
    now = type(gateway).objects.filter(pk=gateway.pk).first()
    if found or now is None or now.definition() != definition:
        return gateway.Status.DIFFERS
    return gateway.Status.LACKS_DOMAIN if now.lacks_domain else gateway.Status.IN_STEP


def _record_look(gateway: ApiGateway, status: Status, **facts: Any) -> None:
    _record(gateway, {"status": status, "status_checked_on": timezone.now(), **facts})


@contextmanager
def _recording_failure(gateway: ApiGateway) -> Iterator[None]:
    """Keep an error that is raised inside this block in the row.

    An error does not reveal the state of the API, so the status stays. If AWS cannot be reached at all, the status
    becomes "unreachable", unless the row is known to differ.
    """
    try:
        yield
    except WebSocketsError as error:
        facts: dict[str, Any] = {"last_error": str(error)}
        if isinstance(error, (AwsUnreachable, CredentialsError)) and gateway.status != gateway.Status.DIFFERS:
            facts.update(status=gateway.Status.UNREACHABLE, status_checked_on=timezone.now())
        _record(gateway, facts)
        raise
