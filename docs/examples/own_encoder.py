"""Your own encoder: it writes keys in camel case, as JavaScript does."""

from __future__ import annotations

import json
import re


def camel_case(data) -> str:
    return json.dumps({re.sub(r"_(\w)", lambda match: match[1].upper(), key): value for key, value in data.items()})
