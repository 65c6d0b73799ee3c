"""People of a tenant: users, user types and roles. Not how they log in."""
