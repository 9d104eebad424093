"""The entry points that the deployment guide names, on top of `stepflow`."""
