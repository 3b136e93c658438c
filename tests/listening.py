"""Receivers of this package's signals, for a while."""

from __future__ import annotations

from contextlib import contextmanager

from django_aws_api_gateway_websockets import signals


@contextmanager
def listening(names, receive):
    """Call ``receive(name, sender, **arguments)`` for each of the signals ``names``."""
    receivers = []
    for name in names:

        def receiver(sender, _name=name, **arguments):
            receive(_name, sender, **arguments)

        signal = getattr(signals, name)
        signal.connect(receiver)
        receivers.append((signal, receiver))
    try:
        yield
    finally:
        for signal, receiver in receivers:
            signal.disconnect(receiver)
