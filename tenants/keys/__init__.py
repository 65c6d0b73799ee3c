"""Keys, and nothing else: what the platform's ring wraps, what a tenant's vault seals, and how both get newer keys.

From the outside in: the ring (``ring.py``) wraps each tenant's data keys and the key of its backups (``backups.py``); the vault
(``vault.py``) seals secrets with the newest data key. Rotation adds a data key, resealing moves the secrets to it, retirement
removes the old one once nothing is sealed with it any more.
"""
