"""Parking Logix: free spaces by sensors in the ground. Its answers are known from clients; paths are ASSUMED."""
