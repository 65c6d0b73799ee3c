"""Own domains of clients: asked for, shown which DNS records they need, checked, served, checked again, released."""
