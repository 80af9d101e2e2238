"""One file per kind of equipment; none knows another."""
