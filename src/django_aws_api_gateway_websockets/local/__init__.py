"""An AWS API Gateway for WebSocket APIs on a laptop: control plane, sockets and ``@connections``.

It speaks AWS's own wire, so unmodified boto3, AWS CLI and WebSocket clients run against it, and it knows
nothing of Django. Start it with ``python -m django_aws_api_gateway_websockets.local``, or from a test with
:class:`~django_aws_api_gateway_websockets.local.server.LocalGateway`.
"""
