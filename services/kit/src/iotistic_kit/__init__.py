"""Falcon glue shared by the services, and iotistic-guard."""
