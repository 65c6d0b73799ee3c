"""What a preview did not send: each call to a third party that would have left it."""
