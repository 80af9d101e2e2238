"""One file a migration; the number in front is its order."""
