"""The tests of GatewaySocket that run in every browser, and what they need. A module for a browser imports all."""

from __future__ import annotations

from .test_gateway_socket import (
    local,
    row,
    test_a_frame_has_32_kb_and_more_is_refused_in_the_page,
    test_a_kick_is_told_and_final,
    test_a_page_that_is_told_to_comes_back,
    test_a_refused_handshake_stops_and_says_why,
    test_it_comes_back_after_1001,
    test_it_comes_back_after_the_gateway_was_killed,
    test_it_talks_and_asks_under_a_strict_policy,
    visit,
)

__all__ = [
    "local",
    "row",
    "test_a_frame_has_32_kb_and_more_is_refused_in_the_page",
    "test_a_kick_is_told_and_final",
    "test_a_page_that_is_told_to_comes_back",
    "test_a_refused_handshake_stops_and_says_why",
    "test_it_comes_back_after_1001",
    "test_it_comes_back_after_the_gateway_was_killed",
    "test_it_talks_and_asks_under_a_strict_policy",
    "visit",
]
