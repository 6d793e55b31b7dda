"""Customers, plans, licenses and the deployment queue."""
