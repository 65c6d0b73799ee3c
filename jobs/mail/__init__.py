"""Sending messages: composed from their rows, handed to an SMTP server in live environments, captured elsewhere."""
