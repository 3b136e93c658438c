"""Control: what a gateway row says becomes what AWS has.

``resources`` is the common form, ``reading`` writes what AWS has in it, ``planning`` compares, ``applying``
carries out, and ``gateway`` does all of that for a row.
"""

from __future__ import annotations

from .gateway import deploy_routes, plan_gateway, plan_removal_of, remove_gateway, update_gateway
from .planning import Change, Plan, Step

__all__ = [
    "Change",
    "Plan",
    "Step",
    "deploy_routes",
    "plan_gateway",
    "plan_removal_of",
    "remove_gateway",
    "update_gateway",
]
