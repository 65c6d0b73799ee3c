"""The tests mirror the tree; stories are in journeys/, rules about the code itself in architecture/."""
