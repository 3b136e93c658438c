"""Your own encoder: it writes keys in camel case, as JavaScript does."""

from __future__ import annotations

import json
import re


def camel_case(data) -> str:
    return json.dumps({_camel_case(key): value for key, value in data.items()})


def _camel_case(key: str) -> str:
    # An underscore at the beginning stays, so that the reserved key "_ws" keeps its name.
    return re.sub(r"(?<=\w)_(\w)", lambda match: match[1].upper(), key)
