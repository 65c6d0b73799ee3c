"""The API of the control plane on the ops host: tenants and their environments, for the staff of the platform."""
