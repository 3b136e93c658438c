"""The template tags of this package: ``{% load gateway_socket %}``."""
