"""The local gateway: API Gateway's WebSocket APIs on your own machine.

It serves the control plane, the sockets and ``@connections`` in AWS's own wire format, so boto3, the AWS CLI and any
WebSocket client work with it unchanged. It does not need Django. Start it with ``python -m
django_aws_api_gateway_websockets.local``, or in a test with
:class:`~django_aws_api_gateway_websockets.local.server.LocalGateway`.
"""
