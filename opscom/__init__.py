"""The command line and the composition roots. Imports everything and is imported by nothing."""
