"""Equipment: the contract of a driver, and what starts and stops drivers."""
