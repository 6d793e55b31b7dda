"""The pages that people see: sign up, prove the address, watch."""
