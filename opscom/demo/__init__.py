"""`opscom demo`: the whole product on one machine, with servers of its own, two tenants and their vendors' simulators."""
