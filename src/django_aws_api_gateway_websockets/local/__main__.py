"""Run ``python -m django_aws_api_gateway_websockets.local``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
