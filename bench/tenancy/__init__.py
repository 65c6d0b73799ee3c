"""Measurements of hosting many tenants, in a laboratory of their own that fills up with them."""
