"""The grammar of the domain: work, reads, events, errors, time, ids, actors. Imports no noun."""
