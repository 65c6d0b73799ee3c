"""The outside: hosts, transports, the live hub and pages. Imports schema, auth, tenants and the kernel."""
