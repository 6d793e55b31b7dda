"""Renewal of what a registration gave: API key, certificate, credentials."""
