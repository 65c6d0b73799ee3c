"""Small server-rendered pages on a tenant's host: the live map of visitors, the desk of staff, the closed site."""
