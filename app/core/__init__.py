"""Storage as the deployment guide names it."""
