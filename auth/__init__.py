"""Who is asking: login sources, logins, roles. Imports tenants and domain."""
