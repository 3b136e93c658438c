import boto3
import pytest

from django_aws_api_gateway_websockets.local.server import LocalGateway


@pytest.fixture
def apigatewayv2():
    with LocalGateway() as gateway:
        yield boto3.client(
            "apigatewayv2",
            endpoint_url=gateway.url,
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  signatures are not checked
        )
