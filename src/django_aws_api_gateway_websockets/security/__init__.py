"""Rules for requests: origins, bodies, rate limits, targets, channel rules and the gateway secret. No models."""
