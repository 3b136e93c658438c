"""A row and its API in AWS: compare them, bring AWS in step, remove, import."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Mapping

from django.core.exceptions import ValidationError
from django.utils import timezone

from ..exceptions import AwsError, AwsUnreachable, CredentialsError, InvalidGateway, WebSocketsError
from ..protocol import is_loopback
from . import resources as r
from .applying import Applier, Progress, api_parameters
from .control import ControlPlane
from .endpoints import control_endpoint
from .locking import locked
from .planning import Plan, Step, plan, plan_removal
from .reading import Actual, MappedDomain, find_api, read, sends_secret

if TYPE_CHECKING:
    from ..definition import ApiDefinition, DomainDefinition
    from ..models import ApiGateway
    from ..models.gateways import Status

logger = logging.getLogger(__name__)


def silent(step: Step) -> None:
    """Nobody is watching."""


def plan_gateway(gateway: ApiGateway, with_domain: bool = False) -> Plan:
    """What ``update_gateway`` would do; changes nothing in AWS, and notes in the row what it found."""
    control = ControlPlane(control_endpoint(gateway))
    _check(gateway, control, with_domain)
    with _noting_failure(gateway):
        api_id = find_api(control, gateway.api_id, str(gateway.reference))
        definition = gateway.definition(with_domain)
        actual = _read(control, gateway, definition.domain, api_id)
        found = plan(r.wanted(definition, api_id), actual)
    status = _status(gateway, definition, found) if api_id else gateway.Status.NOT_CREATED
    _note_look(gateway, status, last_error="", sends_secret=sends_secret(actual))
    return found


def update_gateway(gateway: ApiGateway, with_domain: bool = False, progress: Progress = silent) -> Plan:
    """Make AWS what the row says, creating what is missing; returns what was done.

    A run that failed half way is taken up where it stopped. Raises ``WebSocketsError``: ``InvalidGateway``
    before the first call, ``GatewayBusy`` while another process is at it, ``AwsError`` when AWS refuses.
    """
    control = ControlPlane(control_endpoint(gateway))
    _check(gateway, control, with_domain)
    with locked(gateway) as renew, _noting_failure(gateway):

        def watched(step: Step) -> None:
            renew()
            _begin(gateway)
            progress(step)

        # Before the run, not after: somebody whose change came too late for it may leave one meanwhile.
        _record(gateway, {"last_error": ""})
        created = _ensure_api(control, gateway, watched)
        definition = gateway.definition(with_domain)
        actual = _read(control, gateway, definition.domain, str(gateway.api_id))
        _record(gateway, _facts(actual, definition))
        if not gateway.mapped_domain_name:
            # Before the domain is made: a run that dies then leaves one that is known.
            _record(gateway, _domain_facts(definition))
        steps = plan(r.wanted(definition, actual.api_id), actual)
        _applier(control, gateway, definition.tags, actual, watched).apply(steps)
        for route in definition.routes:
            # Only what was sent: a route that somebody saved meanwhile is not deployed.
            sent = gateway.additional_routes.filter(route_key=route.route_key, integration_url=route.integration_uri)
            sent.update(deployed=True)
        _record(gateway, {"api_created": True, **_served(definition), **_domain_facts(definition)})
        status = _status(gateway, definition)
        resolved = {} if status == gateway.Status.DIFFERS else {"last_error": ""}
        _note_look(gateway, status, sends_secret=True, **resolved)
    return Plan((*created, *steps))


def plan_removal_of(gateway: ApiGateway) -> Plan:
    """What ``remove_gateway`` would delete."""
    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    with _noting_failure(gateway):
        return plan_removal(_actual(control, gateway))


def remove_gateway(gateway: ApiGateway, progress: Progress = silent) -> Plan:
    """Delete the API, its mapping and, where no other API uses it, its domain name; the row stays."""
    from ..models import ClosedReason

    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    with locked(gateway) as renew, _noting_failure(gateway):

        def watched(step: Step) -> None:
            renew()
            _begin(gateway)
            progress(step)

        actual = _actual(control, gateway)
        steps = plan_removal(actual)
        # Removing takes no definition: a row that could not be created today can still be removed.
        _applier(control, gateway, {}, actual, watched).apply(steps)
        gateway.additional_routes.update(deployed=False)
        _record(gateway, _NOTHING)
        # The sockets went with the API, and no $disconnect will tell of it.
        gateway.sessions.mark_disconnected(ClosedReason.CLIENT)
        _note_look(gateway, gateway.Status.NOT_CREATED, last_error="")
    return steps


def deploy_routes(pk: int) -> None:
    """After additional routes were saved or deleted: bring AWS in step, once for all that was committed.

    Never raises: the row is saved, and says in ``last_error`` and ``deployed`` what did not work.
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


_NO_DOMAIN: dict[str, Any] = {
    "api_gateway_domain_name": "",
    "api_mapping_id": "",
    "custom_domain_created": False,
    "mapped_domain_name": "",
    "mapped_hosted_zone_id": "",
    "mapped_key": "",
}
# A custom domain that was begun outlives its API: it is mapped to the next one, or removed with the rest.
_NO_API: dict[str, Any] = {
    "api_id": None,
    "api_endpoint": "",
    "api_created": False,
    "sends_secret": None,
    "served_stage_name": "",
    "execute_api_closed": False,
    "api_mapping_id": "",
    "custom_domain_created": False,
}
_NOTHING: dict[str, Any] = {**_NO_API, **_NO_DOMAIN}


def _actual(control: ControlPlane, gateway: ApiGateway) -> Actual:
    api_id = find_api(control, gateway.api_id, str(gateway.reference))
    return _read(control, gateway, gateway.domain_definition(), api_id)


def _read(control: ControlPlane, gateway: ApiGateway, domain: DomainDefinition | None, api_id: str) -> Actual:
    mapped = MappedDomain(gateway.mapped_domain_name, gateway.mapped_hosted_zone_id)
    return read(control, api_id, gateway.stage, domain, mapped, str(gateway.reference))


def _served(definition: ApiDefinition) -> dict[str, Any]:
    return {
        "served_stage_name": definition.stage.name,
        "execute_api_closed": definition.disable_execute_api_endpoint,
    }


def _domain_facts(definition: ApiDefinition) -> dict[str, Any]:
    """What is true of the domain once everything was applied."""
    if definition.domain is not None:
        return {
            "mapped_domain_name": definition.domain.name,
            "mapped_hosted_zone_id": definition.domain.hosted_zone_id,
            "mapped_key": definition.domain.mapping_key,
        }
    return _NO_DOMAIN


def _ensure_api(control: ControlPlane, gateway: ApiGateway, progress: Progress) -> list[Step]:
    """The API exists and its id is recorded; the steps that this took."""
    api_id = find_api(control, gateway.api_id, str(gateway.reference))
    steps: list[Step] = []
    if api_id:
        api = control.call("GetApi", ApiId=api_id)
    else:
        definition = gateway.definition()
        steps = list(plan([r.api(definition)], Actual()))
        progress(steps[0])
        parameters = api_parameters(steps[0].resource.properties)
        try:
            api = control.call("CreateApi", Tags=dict(definition.tags), **parameters)
        except AwsError as error:
            if 400 <= (error.status or 0) < 500:
                # Refused; without an answer, or with one of 5xx, there may be an API now.
                _note_look(gateway, gateway.Status.NOT_CREATED)
            raise
        _record(gateway, _NO_API)
    _record(gateway, {"api_id": api["ApiId"], "api_endpoint": api["ApiEndpoint"]})
    return steps


def _applier(
    control: ControlPlane, gateway: ApiGateway, tags: Mapping[str, str], actual: Actual, progress: Progress
) -> Applier:
    return Applier(control, tags, actual, lambda facts: _record(gateway, facts), progress)


def _facts(actual: Actual, definition: ApiDefinition) -> dict[str, Any]:
    """What the row keeps of AWS's answers, also of those that were lost on their way."""
    facts: dict[str, Any] = {"api_id": actual.api_id, "api_endpoint": actual.api_endpoint}
    if definition.domain is not None:
        mapping = actual.get(r.MAPPING, definition.domain.name)
        if actual.domain_target:
            facts["api_gateway_domain_name"] = actual.domain_target
        if mapping is not None:
            facts.update({"api_mapping_id": mapping.id, "custom_domain_created": True})
    return facts


def _record(gateway: ApiGateway, facts: Mapping[str, Any]) -> None:
    """Save ``facts`` now, and only them: the next call to AWS may be the one that fails."""
    for name, value in facts.items():
        setattr(gateway, name, value)
    type(gateway).objects.filter(pk=gateway.pk).update(updated_on=timezone.now(), **facts)


def _status(gateway: ApiGateway, definition: ApiDefinition, found: Plan = Plan()) -> Status:  # noqa: B008  immutable
    """In step where nothing was found to do, and the row still says what was compared, which takes a while."""
    now = type(gateway).objects.filter(pk=gateway.pk).first()
    if found or now is None or now.definition() != definition:
        return gateway.Status.DIFFERS
    return gateway.Status.LACKS_DOMAIN if now.lacks_domain else gateway.Status.IN_STEP


def _note_look(gateway: ApiGateway, status: Status, **facts: Any) -> None:
    _record(gateway, {"status": status, "status_checked_on": timezone.now(), **facts})


def _begin(gateway: ApiGateway) -> None:
    """Until the run has ended, AWS has some of what the row says."""
    if gateway.status != gateway.Status.DIFFERS:
        _note_look(gateway, gateway.Status.DIFFERS)


class _noting_failure:  # noqa: N801  reads as what it does
    """Whatever AWS refuses inside is kept in the row, and raised. It says nothing of the API: the status stays, but
    where AWS could not be asked at all, and the row was not known to differ."""

    def __init__(self, gateway: ApiGateway) -> None:
        self._gateway = gateway

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, WebSocketsError):
            status = self._gateway.Status
            facts: dict[str, Any] = {"last_error": str(error)}
            if isinstance(error, (AwsUnreachable, CredentialsError)) and self._gateway.status != status.DIFFERS:
                facts.update(status=status.UNREACHABLE, status_checked_on=timezone.now())
            _record(self._gateway, facts)


def _check(gateway: ApiGateway, control: ControlPlane, with_domain: bool) -> None:
    """Raises ``InvalidGateway``, naming each field, for what AWS would refuse half way."""
    problems: dict[str, list[str]] = {}
    _collect(problems, gateway.clean_fields)
    _collect(problems, gateway.clean)
    for route in gateway.additional_routes.all():
        _collect(problems, route.clean_fields, f"additional route {route.route_key}: ")
        _collect(problems, route.clean, f"additional route {route.route_key}: ")
    if with_domain and not gateway.domain_name:
        problems["domain_name"] = ["A custom domain needs a name."]
    if with_domain or gateway.has_domain:
        parts = gateway.certificate_arn.split(":")
        if len(parts) > 3 and parts[2] == "acm" and parts[3] != control.region:
            problems["certificate_arn"] = [
                f"The certificate is in {parts[3]}; a regional endpoint needs one in its own region, {control.region}."
            ]
    if control.is_aws and is_loopback(gateway.target_base_endpoint):
        problems.setdefault("target_base_endpoint", []).append(
            f"{gateway.target_base_endpoint} is on this machine, which AWS cannot reach. For the local gateway, "
            f"mark the row as local: createApiGateway --local --pk={gateway.pk}."
        )
    if problems:
        fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in problems.items())
        raise InvalidGateway(f"{gateway.api_name!r} cannot be created as it is. {fields}", problems)
    control.check_holds(gateway.api_endpoint)


def _collect(problems: dict[str, list[str]], check: Callable[[], None], prefix: str = "") -> None:
    try:
        check()
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            problems.setdefault(prefix + name, []).extend(texts)
