"""`opscom watch`: a tenant's live map in the terminal, over the same subscription that browsers use."""
