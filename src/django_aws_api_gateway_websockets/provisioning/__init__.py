"""Provisioning makes AWS match a gateway row.

``resources`` is the common form, ``reading`` converts AWS's answers to it, ``planning`` compares, ``applying`` carries
out the difference, and ``gateway`` does all of this for a row.
"""

from __future__ import annotations

from .gateway import (
    check_created,
    deploy_routes,
    plan_gateway,
    plan_removal_of,
    remove_gateway,
    rotate_secret,
    update_gateway,
)
from .planning import Change, Plan, Step

__all__ = [
    "Change",
    "Plan",
    "Step",
    "check_created",
    "deploy_routes",
    "plan_gateway",
    "plan_removal_of",
    "remove_gateway",
    "rotate_secret",
    "update_gateway",
]
