"""One copy engine: backup, restore, preview, move and export are the same steps over the same files."""
