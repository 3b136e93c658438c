"""Find the stage for the URL of a request."""

from __future__ import annotations

from .deployments import NoStage, ServedStage, find_stage
from .hosts import AllowedHosts
from .http_messages import Request
from .store import Store


class Addressing:
    """Finds stages at ``/API_ID/STAGE``, and at custom domains with their mapping keys."""

    def __init__(self, store: Store, hosts: AllowedHosts) -> None:
        self._store, self._hosts = store, hosts

    def stage_at(self, request: Request, segments: list[str]) -> ServedStage:
        """Return the stage at the path ``segments``.

        Raise NoStage, or Misdirected for a host that this gateway does not serve.
        """
        segments = [segment for segment in segments if segment]
        domain = self._domain_of(request.host)
        if domain is not None:
            return self._mapped_stage(domain, "/".join(segments))
        self._hosts.check(request)
        if len(segments) != 2:
            raise NoStage(f"expected the path /API_ID/STAGE, because {request.host} is not a custom domain here")
        stage = find_stage(self._store, *segments)
        if stage.execute_api_disabled:
            raise NoStage(f"API {stage.api_id} is served at its custom domain only")
        return stage

    def _mapped_stage(self, domain: str, key: str) -> ServedStage:
        for _, mapping in self._store.children("ApiMapping", domain):
            if mapping["ApiMappingKey"] == key:
                return find_stage(self._store, mapping["ApiId"], mapping["Stage"])
        raise NoStage(f"the domain {domain} has no API mapping with the key {key!r}")

    def _domain_of(self, host: str) -> str | None:
        """Return the custom domain that serves ``host``: an exact match, or else the wildcard for its first label."""
        names = (host, f"*.{host.partition('.')[2]}")
        return next((name for name in names if self._store.get("DomainName", name) is not None), None)
