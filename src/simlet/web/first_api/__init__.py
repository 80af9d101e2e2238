"""The first API: the contract that dealers already have clients for."""
