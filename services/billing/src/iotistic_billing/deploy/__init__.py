"""From a job of the queue to a run of the tenant playbook, and its end."""
