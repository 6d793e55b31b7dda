"""An agent and a tenant API, without the rest of a site."""
