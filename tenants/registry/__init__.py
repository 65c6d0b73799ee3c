"""The registry: who the tenants are. Small and global; each process holds it whole."""
