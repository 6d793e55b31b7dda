"""Credentials: who calls, and with which keys this service speaks."""
