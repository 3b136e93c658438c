"""Screenshots as the documentation shows them."""

from __future__ import annotations

import io
from typing import Any, Sequence


def side_by_side(screenshots: Sequence[bytes], margin: int = 48, radius: int = 20) -> Any:
    """One picture of several windows, each with round corners and a shadow."""
    from PIL import Image, ImageDraw, ImageFilter

    windows = [Image.open(io.BytesIO(data)).convert("RGB") for data in screenshots]
    width = sum(window.width for window in windows) + margin * (len(windows) + 1)
    height = max(window.height for window in windows) + 2 * margin
    picture = Image.new("RGB", (width, height), "#d5dedb")
    left = margin
    for window in windows:
        mask = Image.new("L", window.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, window.width - 1, window.height - 1), radius, fill=255)
        shadow = Image.new("L", picture.size, 0)
        shadow.paste(mask.point(lambda value: value // 4), (left, margin + 10))
        picture.paste("#16302b", mask=shadow.filter(ImageFilter.GaussianBlur(16)))
        picture.paste(window, (left, margin), mask)
        left += window.width + margin
    return picture
