"""The verbs: one plain function a file, each run in one transaction."""
