"""The edge agent: keeps a device's containers in the wanted state and reports."""
