"""Third parties: a folder for each vendor (wire format, mapping, task) and what all of them share."""
