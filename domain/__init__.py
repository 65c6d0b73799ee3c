"""The parking domain, one folder a noun. Knows SQLAlchemy and no framework; imports nothing of ours outside itself."""
