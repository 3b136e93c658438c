"""All probes, one after the other, and then the live round trip."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..models import ApiGateway
from . import account, api, domain, proxies, settings, urls
from .finding import ERROR, WARNING, Finding, Hop
from .live import RoundTrip

PROBES = (*settings.PROBES, *urls.PROBES, *api.PROBES, *account.PROBES, *domain.PROBES)


class Visit(NamedTuple):
    """Options for the live round trip. ``live`` False skips it."""

    live: bool = True
    user: Any = None
    origin: str = ""
    channel: str = ""


class Report(NamedTuple):
    """The findings, and the steps of the round trip that succeeded."""

    findings: list[Finding]
    hops: list[Hop]

    def has(self, level: str) -> bool:
        return any(finding.level == level for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 for an error, 3 for warnings only, 0 if there is neither."""
        return 1 if self.has(ERROR) else 3 if self.has(WARNING) else 0


def examine(gateway: ApiGateway, visit: Visit = Visit()) -> Report:  # noqa: B008  immutable
    """Examine ``gateway``. This changes nothing in AWS. The round trip opens one connection and closes it."""
    findings = [finding for probe in PROBES for finding in probe(gateway)]
    trip = RoundTrip(gateway, visit.user, visit.origin, visit.channel)
    if visit.live:
        findings += [finding for probe in proxies.PROBES for finding in probe(gateway)]
        findings += trip.run()
    return Report(findings, trip.hops)
