"""The place of the API of a gateway row: AWS or the local gateway. Only the row decides this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from ..conf import SETTING, Conf, conf
from ..exceptions import AwsError, InvalidGateway
from ..protocol import check_public_url, parse_connections_url

if TYPE_CHECKING:
    from ..models import ApiGateway


def local_gateway() -> str:
    """Return the URL of the local gateway. Raise ``ImproperlyConfigured`` unless it is ``http[s]://HOST[:PORT]``."""
    try:
        # The URL would otherwise be read as a path without a host, and port 80 would be used.
        return check_public_url(conf.LOCAL_GATEWAY)
    except (ValueError, TypeError, AttributeError):
        raise ImproperlyConfigured(
            f"{SETTING}['LOCAL_GATEWAY'] is {conf.LOCAL_GATEWAY!r}, which is not a URL. Write http://HOST:PORT, such "
            f"as {Conf.LOCAL_GATEWAY.default!r}."
        ) from None


def control_endpoint(gateway: ApiGateway) -> str | None:
    """Return the URL of the control plane of ``gateway``. None means AWS. Raise ``AwsError`` if it is not a URL."""
    try:
        return local_gateway() if gateway.is_local else None
    except ImproperlyConfigured as error:
        raise AwsError(str(error)) from None  # The admin and the commands show it.


def place(gateway: ApiGateway) -> str:
    """Return the name of the place that commands for ``gateway`` call."""
    return f"the local gateway at {conf.LOCAL_GATEWAY}" if gateway.is_local else "AWS"


def mark_local(gateway: ApiGateway, save: bool = True) -> None:
    """Mark ``gateway`` as local. Raise ``InvalidGateway`` if its API is in AWS."""
    if gateway.is_local:
        return
    check_place(gateway.api_endpoint, is_local=True)
    gateway.is_local = True
    if save:
        gateway.save(update_fields=["is_local", "updated_on"])


def check_place(api_endpoint: str, is_local: bool) -> None:
    """Raise ``InvalidGateway`` if the API at ``api_endpoint`` is in the other place: AWS, or a local gateway.

    Otherwise, a command would create the API again in the wrong place, and the first API would be lost.
    """
    problem = ""
    # AWS only returns wss:// URLs.
    if api_endpoint.startswith("ws://") and not is_local:
        problem = (
            f"The API is at {api_endpoint}, which is a local gateway, and the row is not marked as local. "
            "Run createApiGateway --local, or make another row for AWS."
        )
    elif is_local and parse_connections_url(api_endpoint.replace("wss:", "https:", 1)).region:
        problem = (
            f"The API is at {api_endpoint}, which is AWS, and a local gateway cannot take it over. "
            "Clear the row's field 'is_local', or make another row for the local gateway."
        )
    if problem:
        raise InvalidGateway(problem, {"is_local": [problem]})
