"""Mistall: counts cars in lots by cameras. Nothing about its interface is public; the contract in `client.py` is ASSUMED."""
